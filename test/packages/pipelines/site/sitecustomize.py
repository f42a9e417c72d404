"""Makes every interpreter that has this folder on its path use this engine for ``import luigi``."""

import luigi_clone.alias

luigi_clone.alias.install()
