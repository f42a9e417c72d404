"""Configuration of the documentation: sphinx-build -W -b html doc doc/_build/html."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from luigi_clone.__version__ import ENGINE_VERSION  # noqa: E402

project = "luigi_clone"
author = "the luigi_clone contributors"
copyright = "the luigi_clone contributors, Apache License 2.0"
version = release = ENGINE_VERSION

extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode", "repository_tables"]
exclude_patterns = ["_build", "changelog.d", "differences"]
html_theme = "furo"
html_title = "luigi_clone"
html_copy_source = False
html_show_sourcelink = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": True}
python_use_unqualified_type_names = True

# short names in annotations: there are tasks (of pipelines) and tasks (records of the scheduler)
suppress_warnings = ["ref.python"]
