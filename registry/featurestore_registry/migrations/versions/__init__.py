"""One module per migration, in order. A released one is never changed; the next one follows it."""
