"""Reports: what is known of some values, on one page that needs nothing from elsewhere."""
