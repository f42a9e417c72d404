"""Targets in S3, against a server that speaks its protocol."""

from __future__ import annotations

import datetime
import importlib.util
import subprocess
import sys
import time
import urllib.error
import urllib.request

import luigi
import pytest
from luigi.contrib import s3
from luigi.contrib.s3 import S3Client, S3FlagTarget, S3Target
from luigi.target import FileAlreadyExists, MissingParentDirectory

from test.services import require_service

KEYS = {"aws_access_key_id": "someone", "aws_secret_access_key": "something", "region_name": "us-east-1"}


@pytest.fixture(scope="session")
def endpoint():
    for name in ("boto3", "moto"):
        require_service(name, importlib.util.find_spec(name), f"pip install {name}")
    # the port is taken by the server itself and read from its log
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, bufsize=1) as server:
        url = ""
        while "http://" not in url:
            url = server.stderr.readline()
            assert url, "the server ended"
        url = url[url.index("http://") :].split()[0]
        _await(f"{url}/moto-api/")
        try:
            yield url
        finally:
            server.terminate()
            server.stderr.close()


def _await(url):
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.URLError:
            assert time.monotonic() < deadline
        else:
            return


@pytest.fixture
def client(endpoint):
    client = S3Client(endpoint_url=endpoint, **KEYS)
    client.s3.create_bucket(Bucket="bucket")
    yield client
    bucket = client.s3.Bucket("bucket")
    bucket.objects.all().delete()
    bucket.delete()


def names(client, path="s3://bucket"):
    return sorted(client.list(path))


class TestTarget:
    def test_is_written_and_read(self, client):
        target = S3Target("s3://bucket/a/b.txt", client=client)
        assert not target.exists()
        with pytest.raises(s3.FileNotFoundException, match=r"Could not find file at s3://bucket/a/b\.txt"):
            target.open("r")
        with target.open("w") as file:
            file.write("one\ntwo \u00e4\n")
            assert not target.exists(), "it is there only when it is complete"
        assert target.exists()
        with target.open() as file:
            assert file.read() == "one\ntwo \u00e4\n"
        with target.open("r") as file:
            assert list(file) == ["one\n", "two \u00e4\n"]
        target.remove()
        assert not target.exists()

    def test_what_fails_is_not_there(self, client):
        target = S3Target("s3://bucket/half.txt", client=client)
        with pytest.raises(ZeroDivisionError), target.open("w") as file:
            file.write("half")
            1 / 0
        assert not target.exists()

    @pytest.mark.parametrize("format", [luigi.format.Gzip, luigi.format.Nop])
    def test_formats(self, client, format):
        target = S3Target("s3://bucket/data", format=format, client=client)
        content = bytes(range(256)) * 1000
        with target.open("w") as file:
            file.write(content)
        with target.open() as file:
            assert file.read() == content

    def test_lines_over_the_borders_of_what_is_read_at_once(self, client):
        lines = [f"{number} {'x' * number}\n" for number in range(1000)]
        client.put_string("".join(lines), "s3://bucket/long")
        with S3Target("s3://bucket/long", client=client).open() as file:
            assert list(file) == lines

    def test_options_of_the_object(self, client):
        target = S3Target("s3://bucket/typed", client=client, ContentType="text/csv")
        with target.open("w") as file:
            file.write("a,b")
        assert client.s3.Object("bucket", "typed").content_type == "text/csv"

    def test_a_mode_that_there_is_not(self, client):
        with pytest.raises(ValueError, match="Unsupported open mode 'a'"):
            S3Target("s3://bucket/x", client=client).open("a")

    def test_a_flag_says_that_a_directory_is_complete(self, client):
        with pytest.raises(ValueError, match="S3FlagTarget requires the path to be to a directory"):
            S3FlagTarget("s3://bucket/folder", client=client)
        target = S3FlagTarget("s3://bucket/folder/", client=client)
        client.put_string("x", "s3://bucket/folder/part")
        assert not target.exists()
        client.put_string("", "s3://bucket/folder/_SUCCESS")
        assert target.exists()

    def test_a_task_without_a_flag_of_its_own(self, client, endpoint):
        for name, value in {"endpoint_url": endpoint, **KEYS}.items():
            luigi.configuration.get_config().set("s3", name, value)
        client.put_string("", "s3://bucket/folder/_SUCCESS")
        assert s3.S3FlagTask(path="s3://bucket/folder/").complete()
        assert not s3.S3FlagTask(path="s3://bucket/folder/", flag="other").complete()
        client.put_string("", "s3://bucket/object")
        assert s3.S3PathTask(path="s3://bucket/object").complete()

    def test_the_old_name(self, client):
        with pytest.warns(UserWarning, match="S3EmrTarget is deprecated"):
            assert not s3.S3EmrTarget("s3://bucket/x/", client=client).exists()


class TestClient:
    def test_a_key_may_hold_what_an_address_may_not(self, client):
        for key in ("what?", "a?b=c", "a#b", "a b"):
            client.put_string(key, f"s3n://bucket/{key}")
            assert client.get_as_string(f"s3://bucket/{key}") == key
            assert client.get_key(f"s3://bucket/{key}").key == key
        assert client.get_key("s3://bucket/no") is None

    def test_directories(self, client):
        client.put_string("1", "s3://bucket/a/b/c")
        client.put_string("", "s3://bucket/marked_$folder$")
        assert client.isdir("s3://bucket/a") and client.is_dir("s3://bucket/a/b/")
        assert client.exists("s3://bucket/a") and client.exists("s3://bucket")
        assert client.isdir("s3://bucket/marked") and client.isdir("s3://bucket/")
        assert not client.isdir("s3://bucket/a/b/c")
        assert not client.exists("s3://bucket/a/b/cc")

    def test_making_a_directory(self, client):
        client.mkdir("s3://bucket")
        client.mkdir("s3://bucket/new/deep")
        assert client.isdir("s3://bucket/new/deep")
        client.mkdir("s3://bucket/new/deep")
        with pytest.raises(FileAlreadyExists):
            client.mkdir("s3://bucket/new/deep", raise_if_exists=True)
        with pytest.raises(MissingParentDirectory):
            client.mkdir("s3://bucket/other/deep", parents=False)
        client.mkdir("s3://bucket/new/more", parents=False)
        client.mkdir("s3://bucket/top", parents=False)
        assert client.isdir("s3://bucket/new/more") and client.isdir("s3://bucket/top")

    def test_removing(self, client):
        for name in ("a/1", "a/2", "ab", "b"):
            client.put_string(name, f"s3://bucket/{name}")
        client.put_string("", "s3://bucket/a_$folder$")
        assert client.remove("s3://bucket/none") is False
        with pytest.raises(s3.InvalidDeleteException):
            client.remove("s3://bucket/")
        with pytest.raises(s3.InvalidDeleteException):
            client.remove("s3://bucket/a", recursive=False)
        assert client.remove("s3://bucket/b") is True
        assert client.remove("s3://bucket/a") is True
        assert names(client) == ["ab"]

    def test_more_than_one_request_can_delete(self, client, monkeypatch):
        monkeypatch.setattr(s3, "_DELETED_AT_ONCE", 2)
        for number in range(5):
            client.put_string("", f"s3://bucket/many/{number}")
        client.remove("s3://bucket/many")
        assert names(client) == []

    def test_listing(self, client):
        before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        later = before + datetime.timedelta(hours=2)
        for name in ("d/1", "d/e/2", "dd"):
            client.put_string("xy", f"s3://bucket/{name}")
        assert sorted(client.listdir("s3://bucket/d")) == ["s3://bucket/d/1", "s3://bucket/d/e/2"]
        assert sorted(client.list("s3://bucket/d/")) == ["1", "e/2"]
        assert names(client) == ["d/1", "d/e/2", "dd"]
        assert [key.size for key in client.listdir("s3://bucket/d/e", return_key=True)] == [2]
        assert len(list(client.listdir("s3://bucket/d", start_time=before, end_time=later))) == 2
        assert not list(client.list("s3://bucket/d", start_time=later))
        assert not list(client.list("s3://bucket/d", end_time=before))

    def test_copying_and_moving(self, client):
        for name in ("from/1", "from/deep/22"):
            client.put_string(name, f"s3://bucket/{name}")
        client.put_string("", "s3://bucket/from/")
        assert client.copy("s3://bucket/from/1", "s3://bucket/one") == (1, 6)
        assert client.copy("s3://bucket/from", "s3://bucket/to", threads=1) == (2, 18)
        assert names(client, "s3://bucket/to") == ["1", "deep/22"]
        client.move("s3://bucket/to/", "s3://bucket/moved/")
        assert names(client, "s3://bucket/moved") == ["1", "deep/22"]
        assert not client.exists("s3://bucket/to")

    def test_files(self, client, tmp_path):
        (tmp_path / "up").write_bytes(b"\0\1" * 10)
        client.put(str(tmp_path / "up"), "s3://bucket/file", ContentType="text/x")
        assert client.get_as_bytes("s3://bucket/file") == b"\0\1" * 10
        client.get("s3://bucket/file", str(tmp_path / "down"))
        assert (tmp_path / "down").read_bytes() == b"\0\1" * 10
        with pytest.raises(s3.DeprecatedBotoClientException):
            client.put(str(tmp_path / "up"), "s3://bucket/file", encrypt_key=True)

    def test_an_error_that_is_no_absence_is_told(self, client):
        with pytest.raises(Exception, match=r"NoSuchBucket|does not exist"):
            list(client.list("s3://nobody/x"))

    def test_an_option_of_boto_2(self, endpoint):
        with pytest.raises(s3.DeprecatedBotoClientException):
            _ = S3Client(endpoint_url=endpoint, is_secure=False, **KEYS).s3


class TestOptions:
    def test_come_from_the_configuration_and_then_from_the_caller(self):
        config = luigi.configuration.get_config()
        for name, value in {"aws_access_key_id": "configured", "max": "3", "region_name": "here"}.items():
            config.set("s3", name, value)
        client = S3Client(aws_access_key_id="given", region_name="there", aws_session_token="")
        assert client._options == {"aws_access_key_id": "given", "max": 3, "region_name": "there"}

    def test_of_all_sections_are_none(self, tmp_path, monkeypatch):
        (tmp_path / "luigi.cfg").write_text("[DEFAULT]\nshared = 1\n[s3]\nown = x\n")
        monkeypatch.chdir(tmp_path)
        assert S3Client()._options == {"own": "x"}

    def test_a_role_that_is_assumed(self, endpoint, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        for name, value in KEYS.items():
            monkeypatch.setenv(name.replace("region_name", "aws_default_region").upper(), value)
        role = {"aws_role_arn": "arn:aws:iam::123456789012:role/reader", "aws_role_session_name": "tests"}
        client = S3Client(**role)
        used = client.s3.meta.client._request_signer._credentials.get_frozen_credentials()
        assert used.access_key != KEYS["aws_access_key_id"] and used.token


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ModuleNotFoundError, match=r"luigi-clone\[s3\]"):
        S3Target("s3://bucket/x").exists()
