"""How the users of a view's components are named, where nobody asks for other names."""

NAMES = "headwater-{component}-{view}"
