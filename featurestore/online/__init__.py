"""The online side: keys, row format, the embedded store, reads and pushes."""
