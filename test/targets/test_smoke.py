from luigi_clone.format import UTF8, Gzip
from luigi_clone.local_target import LocalTarget


def test_text_in_gzip_comes_back(tmp_path):
    target = LocalTarget(tmp_path / "deep" / "down.gz", format=UTF8 >> Gzip)
    assert not target.exists()
    with target.open("w") as out:
        out.write("dätä\n")
        assert not target.exists()
    assert target.exists()
    with target.open() as lines:
        assert list(lines) == ["dätä\n"]
