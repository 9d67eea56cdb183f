"""Documents of many formats, read into text that can be cut."""
