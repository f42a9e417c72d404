"""The page's own part of the server: its files, signing in, and the stream of news."""
