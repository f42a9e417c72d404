"""File systems in memory that know what they were asked: different kinds of remote stores."""

from __future__ import annotations

import fnmatch

from luigi.target import FileSystem, FileSystemTarget


class Store(FileSystem):
    """Files in memory that knows what it was asked; subclasses are different kinds of remote stores."""

    def __init__(self):
        self.files = set()
        self.calls = []

    def exists(self, path):
        self.calls.append(("exists", path))
        return path in self.files or self._holds(path)

    def remove(self, path, recursive=True, skip_trash=True):
        self.files.discard(path)

    def listdir(self, path):
        self.calls.append(("listdir", path))
        return self._below(path)

    def _holds(self, path):
        return any(file.startswith(path.rstrip("/") + "/") for file in self.files)

    def _below(self, path):
        return (file for file in sorted(self.files) if file.startswith(path.rstrip("/") + "/"))


class Bucket(Store):
    """Directories are what the paths say, and patterns are plain text."""

    def isdir(self, path):
        return self._holds(path)


class Globbing(Bucket):
    """Expands patterns."""

    def exists(self, path):
        return super().exists(path) or any(True for _ in self._below(path))

    def _below(self, path):
        return (file for file in sorted(self.files) if fnmatch.fnmatchcase(file, path.rstrip("/") + "/*"))


class NamesOnly(Bucket):
    """Lists names without the directories they are in."""

    def _below(self, path):
        return (file.rpartition("/")[2] for file in super()._below(path))


class NoDirectories(Store):
    """Knows keys, and nothing of directories; lists by prefix."""

    def exists(self, path):
        self.calls.append(("exists", path))
        return path in self.files


class Unlisted(NoDirectories):
    def listdir(self, path):
        raise NotImplementedError


STORES = (Bucket, Globbing, NamesOnly, NoDirectories, Unlisted)


class StoreTarget(FileSystemTarget):
    fs = None

    def __init__(self, path, fs):
        super().__init__(path)
        self.fs = fs

    def open(self, mode):
        raise NotImplementedError


class Flag(StoreTarget):
    """A directory that exists once there is a certain file in it."""

    def exists(self):
        return self.fs.exists(self.path + "_SUCCESS")
