"""Each module prepares the contenders of one benchmark, untimed, and returns the timed call."""
