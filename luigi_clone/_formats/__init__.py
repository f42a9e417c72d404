"""Streams behind the formats: text and newline layers, compression, pipes to processes."""
