"""From a file's text to its statements, a module for each language."""
