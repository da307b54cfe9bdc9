"""Frames: every form in which rows come in and go out, and their Arrow types."""
