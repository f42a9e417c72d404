"""The two versions of the package.

``VERSION`` is the version of Luigi whose behaviour is kept; packages built on Luigi gate on it.
``ENGINE_VERSION`` is the version of this package.
"""

VERSION = "3.8.1"
ENGINE_VERSION = "0.1.0"
