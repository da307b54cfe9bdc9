"""How runs of materializations behave."""
