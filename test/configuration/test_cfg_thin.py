from luigi_clone.configuration import get_config
from luigi_clone.configuration.generation import RESOLUTION


def test_every_change_makes_resolutions_stale():
    config = get_config()
    seen = [RESOLUTION.number]

    def changed():
        seen.append(RESOLUTION.number)
        return seen[-1] != seen[-2]

    config.set("staleness", "a_b", "1")
    assert changed()
    assert config.get("staleness", "a-b") == "1"
    assert not changed()
    config["staleness"]["c"] = "2"
    assert changed()
    config.remove_option("staleness", "c")
    assert changed()
    config.remove_section("staleness")
    assert changed()
