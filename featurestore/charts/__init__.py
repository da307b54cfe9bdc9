"""Pictures and pages of our own making: SVG and HTML without a script, a font or anything else from elsewhere."""
