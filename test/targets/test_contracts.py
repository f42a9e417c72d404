"""Every target and file system of the package keeps the contracts that ship with it."""

from __future__ import annotations

import itertools
import warnings

import pytest

from luigi_clone.local_target import LocalFileSystem, LocalTarget
from luigi_clone.mock import MockFileSystem, MockTarget
from luigi_clone.testing.targets import FileSystemContract, TargetContract


class _InFolder:
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.tmp_path = tmp_path
        self.numbers = itertools.count()

    def new_path(self):
        return str(self.tmp_path / f"item{next(self.numbers)}")


class TestLocalTarget(_InFolder, TargetContract):
    def create_target(self, data_format=None):
        return LocalTarget(self.new_path(), format=data_format)


class TestTemporaryLocalTarget(TargetContract):
    def create_target(self, data_format=None):
        return LocalTarget(format=data_format, is_tmp=True)


class _MockStore:
    @pytest.fixture(autouse=True)
    def _store(self):
        self.numbers = itertools.count()
        MockTarget.fs.clear()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "File system MockFileSystem client doesn't support atomic mv")
            yield
        MockTarget.fs.clear()


class TestMockTarget(_MockStore, TargetContract):
    def create_target(self, data_format=None):
        return MockTarget(f"item{next(self.numbers)}", format=data_format)


class TestLocalFileSystem(_InFolder, FileSystemContract):
    def create_fs(self):
        return LocalFileSystem()

    def create_folder(self):
        path = self.new_path()
        LocalFileSystem().mkdir(path)
        return path

    def put(self, path, data):
        with open(path, "wb") as file:
            file.write(data)

    def get(self, path):
        with open(path, "rb") as file:
            return file.read()


class TestMockFileSystem(_MockStore, FileSystemContract):
    has_directories = False

    def create_fs(self):
        return MockFileSystem()

    def create_folder(self):
        return f"/folder{next(self.numbers)}"

    def put(self, path, data):
        MockTarget.fs.get_all_data()[path] = data

    def get(self, path):
        return MockTarget.fs.get_all_data()[path]
