"""Targets in S3 and in stores that speak its protocol (MinIO, Ceph, …), by ``boto3``."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luigi_clone.configuration import get_config
from luigi_clone.format import get_default_format
from luigi_clone.parameter import OptionalParameter, Parameter
from luigi_clone.target import (
    AtomicLocalFile,
    FileAlreadyExists,
    FileSystem,
    FileSystemException,
    FileSystemTarget,
    MissingParentDirectory,
)
from luigi_clone.task import ExternalTask

if TYPE_CHECKING:
    import datetime

    from luigi_clone.format import Format

logger = logging.getLogger("luigi-interface")

S3_DIRECTORY_MARKER_SUFFIX_0 = "_$folder$"
S3_DIRECTORY_MARKER_SUFFIX_1 = "/"

_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_DELETED_AT_ONCE = 1000
"""As many keys as one request of the protocol can delete."""


class InvalidDeleteException(FileSystemException):
    """What is to be deleted is a bucket, or a directory and ``recursive`` is false."""


class FileNotFoundException(FileSystemException):
    """There is no object with the key."""


class DeprecatedBotoClientException(Exception):  # noqa: N818 - the name is part of the interface
    """An option is one of ``boto`` 2, which ``boto3`` does not have."""


def _boto3() -> Any:
    try:
        import boto3
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "luigi_clone.contrib.s3 needs boto3: pip install 'luigi-clone[s3]'", name="boto3"
        ) from error
    return boto3


def _is_absent(error: Exception) -> bool:
    answer = getattr(error, "response", {})
    return answer.get("Error", {}).get("Code") in ("NoSuchKey", "404")


class S3Client(FileSystem):
    """The file operations of a store.

    Options are taken from the section ``[s3]`` of the configuration, then from ``kwargs``, then from the
    three keys when they are given; with ``aws_role_arn`` and ``aws_role_session_name`` the role is assumed.
    All others go to ``boto3.resource``: ``endpoint_url``, ``region_name``, ….
    """

    DEFAULT_PART_SIZE = 8388608
    """Bytes of a part of a large object."""
    DEFAULT_THREADS = 100
    """How many objects of a directory are copied at a time."""

    def __init__(
        self,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        aws_session_token: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = dict(zip(_KEYS, (aws_access_key_id, aws_secret_access_key, aws_session_token), strict=True))
        self._options = {**_configured(), **kwargs, **{name: key for name, key in given.items() if key}}
        self._s3: Any = None

    @property
    def s3(self) -> Any:
        """The ``boto3`` resource, made when it is first needed; can be set."""
        if self._s3 is None:
            self._s3 = self._connect()
        return self._s3

    @s3.setter
    def s3(self, resource: Any) -> None:
        self._s3 = resource

    def _connect(self) -> Any:
        boto3 = _boto3()
        options = dict(self._options)
        keys = {name: options.pop(name, None) for name in _KEYS}
        role, session = options.pop("aws_role_arn", None), options.pop("aws_role_session_name", None)
        if role and session:
            logger.debug("Assuming the role %s", role)
            got = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName=session)["Credentials"]
            keys = dict(
                zip(_KEYS, (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]), strict=True)
            )
        try:
            return boto3.resource("s3", **keys, **options)
        except TypeError as error:
            if "got an unexpected keyword argument" in str(error):
                raise DeprecatedBotoClientException(
                    f"boto3 does not know one of the options {', '.join(sorted(options))}: {error}"
                ) from error
            raise

    # -- looking

    def exists(self, path: str) -> bool:
        """Tell whether there is an object or a directory at ``path``."""
        bucket, key = _split(path)
        return _is_root(key) or self._has_key(bucket, key) or self.isdir(path)

    def isdir(self, path: str) -> bool:
        """Tell whether ``path`` is a directory: a bucket, marked as one, or the beginning of a key."""
        bucket, key = _split(path)
        if _is_root(key):
            return True
        key = _with_slash(key)
        if self._has_key(bucket, key[:-1] + S3_DIRECTORY_MARKER_SUFFIX_0) or self._has_key(bucket, key):
            return True
        return bool(list(self.s3.Bucket(bucket).objects.filter(Prefix=key).limit(1)))

    is_dir = isdir

    def get_key(self, path: str) -> Any:
        """Return the ``ObjectSummary`` of the object at ``path``, or ``None``."""
        bucket, key = _split(path)
        return self.s3.ObjectSummary(bucket, key) if self._has_key(bucket, key) else None

    def _has_key(self, bucket: str, key: str) -> bool:
        return self._size(bucket, key) is not None

    def _size(self, bucket: str, key: str) -> int | None:
        """Return the size in bytes of an object, or ``None`` where there is none."""
        try:
            size: int = self.s3.Object(bucket, key).content_length
        except Exception as error:
            if _is_absent(error):
                return None
            raise
        return size

    def listdir(
        self,
        path: str,
        start_time: datetime.datetime | None = None,
        end_time: datetime.datetime | None = None,
        return_key: bool = False,
    ) -> Iterator[Any]:
        """Yield the paths of all objects below ``path``, with ``return_key`` their ``ObjectSummary``.

        With bounds (times with an offset, themselves excluded), only what was changed between them.
        """
        for item in self._below(path, start_time, end_time):
            yield item if return_key else _with_slash(path) + item.key[len(_prefix_of(path)) :]

    def list(
        self,
        path: str,
        start_time: datetime.datetime | None = None,
        end_time: datetime.datetime | None = None,
        return_key: bool = False,
    ) -> Iterator[Any]:
        """Yield the same as :meth:`listdir`, but names relative to ``path``."""
        for item in self._below(path, start_time, end_time):
            yield item if return_key else item.key[len(_prefix_of(path)) :]

    def _below(self, path: str, start: Any, end: Any) -> Iterator[Any]:
        bucket, _ = _split(path)
        for item in self.s3.Bucket(bucket).objects.filter(Prefix=_prefix_of(path)):
            if (start is None or start < item.last_modified) and (end is None or item.last_modified < end):
                yield item

    # -- reading and writing

    def put(self, local_path: str, destination_s3_path: str, **kwargs: Any) -> None:
        """Upload a file; ``kwargs`` are options of the object, such as ``ContentType``."""
        _refuse_old_options(kwargs)
        self.put_multipart(local_path, destination_s3_path, **kwargs)

    def put_string(self, content: Any, destination_s3_path: str, **kwargs: Any) -> None:
        """Upload a text or bytes."""
        _refuse_old_options(kwargs)
        bucket, key = _split(destination_s3_path)
        self.s3.meta.client.put_object(Key=key, Bucket=bucket, Body=content, **kwargs)

    def put_multipart(
        self,
        local_path: str,
        destination_s3_path: str,
        part_size: int = DEFAULT_PART_SIZE,
        **kwargs: Any,
    ) -> None:
        """Upload a file, a large one in parts of ``part_size`` bytes."""
        _refuse_old_options(kwargs)
        bucket, key = _split(destination_s3_path)
        with Path(local_path).open("rb") as source:
            self.s3.meta.client.upload_fileobj(
                Fileobj=source,
                Bucket=bucket,
                Key=key,
                Config=_transfer(multipart_chunksize=part_size),
                ExtraArgs=kwargs,
            )

    def get(self, s3_path: str, destination_local_path: str) -> None:
        """Download an object to a file."""
        bucket, key = _split(s3_path)
        self.s3.meta.client.download_file(bucket, key, destination_local_path)

    def get_as_bytes(self, s3_path: str) -> bytes:
        """Return a whole object."""
        bucket, key = _split(s3_path)
        content: bytes = self.s3.Object(bucket, key).get()["Body"].read()
        return content

    def get_as_string(self, s3_path: str, encoding: str = "utf-8") -> str:
        """Return a whole object as a text."""
        return self.get_as_bytes(s3_path).decode(encoding)

    # -- changing

    def mkdir(self, path: str, parents: bool = True, raise_if_exists: bool = False) -> None:
        """Mark ``path`` as a directory by an empty object.

        Raises FileAlreadyExists or, without ``parents``, MissingParentDirectory.
        """
        if raise_if_exists and self.isdir(path):
            raise FileAlreadyExists(path)
        bucket, key = _split(path)
        if _is_root(key) or self.isdir(path):
            return
        parent = key.rstrip("/").rpartition("/")[0]
        if not parents and not self.isdir(f"s3://{bucket}/{parent}"):
            raise MissingParentDirectory(path)
        self.put_string("", _with_slash(path))

    def remove(self, path: str, recursive: bool = True, skip_trash: bool = True) -> bool:  # type: ignore[override]
        """Delete the object or all objects below the directory; tell whether there was any.

        Raises InvalidDeleteException for a bucket, and for a directory unless ``recursive`` is true.
        """
        if not self.exists(path):
            logger.debug("Could not delete %s; path does not exist", path)
            return False
        bucket, key = _split(path)
        if _is_root(key):
            raise InvalidDeleteException(f"Cannot delete root of bucket at path {path}")
        if self._has_key(bucket, key):
            self.s3.meta.client.delete_object(Bucket=bucket, Key=key)
            logger.debug("Deleting %s from bucket %s", key, bucket)
            return True
        if not recursive:
            raise InvalidDeleteException(f"Path {path} is a directory. Must use recursive delete")
        keys = [{"Key": item.key} for item in self._below(path, None, None)]
        marker = key.rstrip("/") + S3_DIRECTORY_MARKER_SUFFIX_0
        if self._has_key(bucket, marker):
            keys.append({"Key": marker})
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            some = keys[start : start + _DELETED_AT_ONCE]
            answer = self.s3.meta.client.delete_objects(Bucket=bucket, Delete={"Objects": some})
            if answer.get("Errors"):
                failed = answer["Errors"][0]
                raise FileSystemException(f"Could not delete {failed.get('Key')}: {failed.get('Message')}")
        return bool(keys)

    def move(self, source_path: str, destination_path: str, **kwargs: Any) -> None:  # type: ignore[override]
        """Copy and then delete: not at one moment."""
        self.copy(source_path, destination_path, **kwargs)
        self.remove(source_path)

    def copy(  # type: ignore[override]
        self,
        source_path: str,
        destination_path: str,
        threads: int = DEFAULT_THREADS,
        start_time: datetime.datetime | None = None,
        end_time: datetime.datetime | None = None,
        part_size: int = DEFAULT_PART_SIZE,
        **kwargs: Any,
    ) -> tuple[int, int]:
        """Copy an object, or all below a directory, within the store; return how many and how many bytes."""
        config = _transfer(max_concurrency=max(3, threads), multipart_chunksize=part_size)
        bucket, key = _split(source_path)
        size = None if _is_root(key) else self._size(bucket, key)
        if size is not None:
            self._copy_key(bucket, key, _split(destination_path), config, kwargs)
            return 1, size
        prefix, (to_bucket, to_key) = _prefix_of(source_path), _split(destination_path)
        to_prefix = _with_slash(to_key) if to_key else ""
        items = [
            (item.key, item.size)
            for item in self._below(source_path, start_time, end_time)
            if item.key[len(prefix) :] not in ("", "/")
        ]
        copies = [(name, (to_bucket, to_prefix + name[len(prefix) :])) for name, _ in items]
        self._copy_all(bucket, copies, max(3, threads), config, kwargs)
        return len(items), sum(size for _, size in items)

    def _copy_all(
        self,
        bucket: str,
        copies: Sequence[tuple[str, tuple[str, str]]],
        threads: int,
        config: Any,
        options: Any,
    ) -> None:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(threads) as pool:
            running = [pool.submit(self._copy_key, bucket, name, to, config, options) for name, to in copies]
        for one in running:
            one.result()

    def _copy_key(self, bucket: str, key: str, to: tuple[str, str], config: Any, options: Any) -> None:
        source = {"Bucket": bucket, "Key": key}
        self.s3.meta.client.copy(source, to[0], to[1], Config=config, ExtraArgs=options)


def _configured() -> dict[str, Any]:
    """Return the options of ``[s3]`` that are not merely those of ``[DEFAULT]``."""
    config = get_config()
    if not config.has_section("s3"):
        return {}
    defaults = config.defaults() if hasattr(config, "defaults") else {}
    section = dict(config.items("s3")) if hasattr(config, "items") else dict(config["s3"])
    return {name: _number(text) for name, text in section.items() if defaults.get(name) != text}


def _number(text: Any) -> Any:
    try:
        return int(text)
    except (TypeError, ValueError):
        return text


def _split(path: str) -> tuple[str, str]:
    """Return bucket and key; ``?`` and ``#`` are parts of the key."""
    bucket, _, key = path.partition("://")[2].partition("/")
    return bucket, key


def _is_root(key: str) -> bool:
    return key in ("", "/")


def _with_slash(text: str) -> str:
    return text if text.endswith("/") else f"{text}/"


def _prefix_of(path: str) -> str:
    """Return what the keys of all objects below ``path`` begin with."""
    key = _split(path)[1]
    return "" if _is_root(key) else _with_slash(key)


def _transfer(**options: Any) -> Any:
    _boto3()
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(**options)


def _refuse_old_options(options: dict[str, Any]) -> None:
    for name in ("encrypt_key", "host"):
        if name in options:
            raise DeprecatedBotoClientException(f"boto3 has no option {name}")


class _Body(io.RawIOBase):
    """The bytes of an answer, as they come."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: bytes = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


class ReadableS3File(io.BufferedReader):
    """An object that is read while it is downloaded. It cannot be written to, nor read from another place."""

    def __init__(self, s3_key: Any) -> None:
        super().__init__(_Body(s3_key.get()["Body"]), 1 << 16)


class AtomicS3File(AtomicLocalFile):
    """A file that is uploaded when it is closed, and is not when its ``with`` block fails."""

    def __init__(self, path: str, s3_client: S3Client, **kwargs: Any) -> None:
        self.s3_client = s3_client
        self.s3_options = kwargs
        super().__init__(path)

    def move_to_final_destination(self) -> None:
        """Upload."""
        self.s3_client.put_multipart(self.tmp_path, self.path, **self.s3_options)


class S3Target(FileSystemTarget):
    """An object. ``kwargs`` are options of what is written, such as ``ServerSideEncryption``."""

    fs: Any = None

    def __init__(
        self,
        path: str,
        format: Format | None = None,  # noqa: A002 - the name is part of the interface
        client: S3Client | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(path)
        self.path = path
        self.format = get_default_format() if format is None else format
        self.fs = client or S3Client()
        self.s3_options = kwargs

    def open(self, mode: str = "r") -> Any:
        """Open for reading (``r``) or for writing (``w``).

        Raises FileNotFoundException when there is nothing to be read.
        """
        if mode not in ("r", "w"):
            raise ValueError(f"Unsupported open mode '{mode}'")
        if mode == "w":
            return self.format.pipe_writer(AtomicS3File(self.path, self.fs, **self.s3_options))
        key = self.fs.get_key(self.path)
        if key is None:
            raise FileNotFoundException(f"Could not find file at {self.path}")
        return self.format.pipe_reader(ReadableS3File(key))


class S3FlagTarget(S3Target):
    """A directory that is complete when it holds an object named ``flag``."""

    def __init__(
        self,
        path: str,
        format: Format | None = None,  # noqa: A002
        client: S3Client | None = None,
        flag: str | None = "_SUCCESS",
    ) -> None:
        if not path.endswith("/"):
            raise ValueError(
                f"S3FlagTarget requires the path to be to a directory. It must end with a slash: {path}"
            )
        super().__init__(path, format, client)
        self.flag = "_SUCCESS" if flag is None else flag

    def exists(self) -> bool:
        """Tell whether the flag is there."""
        found: bool = self.fs.exists(self.path + self.flag)
        return found


class S3EmrTarget(S3FlagTarget):
    """The old name of :class:`S3FlagTarget`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn("S3EmrTarget is deprecated. Please use S3FlagTarget", stacklevel=2)
        super().__init__(*args, **kwargs)


class S3PathTask(ExternalTask):
    """An object that something else writes."""

    path = Parameter()

    def output(self) -> S3Target:
        """Return the object."""
        return S3Target(self.path)


class S3EmrTask(ExternalTask):
    """A directory that something else writes, by the old name."""

    path = Parameter()

    def output(self) -> S3Target:
        """Return the directory."""
        return S3EmrTarget(self.path)


class S3FlagTask(ExternalTask):
    """A directory that something else writes and then puts a flag into."""

    path = Parameter()
    flag = OptionalParameter(default=None)

    def output(self) -> S3Target:
        """Return the directory."""
        return S3FlagTarget(self.path, flag=self.flag)
