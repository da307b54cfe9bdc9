"""Time-window aggregations over sorted events, in numpy and Arrow; engines deliver the events.

Events are sorted by entity and time, so that the window of an instant is a range of positions, found by binary
search. What a function makes of a range is put together from blocks, whose values are computed once: the cost
grows with the events and the instants, and not with the length of a window.
"""
