"""Settings of Sphinx. `python docs/build_pages.py` gathers the sources and runs Sphinx on them."""

import re
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.ext import autosummary

project = "Regard"
author = "The Regard developers"
copyright = author
extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinxcontrib.bibtex",
]
root_doc = "docs/index"
exclude_patterns = ["docs/generated/*", "README.md"]

# pages and notebooks: the notebooks are shown as the pipeline executed them, and never run here
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
bibtex_bibfiles = [str(Path(__file__).parents[1] / "paper/refs.bib")]
bibtex_reference_style = "author_year"

# the API
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_mock_imports = [] if find_spec("triton") else ["triton"]
autosummary_generate = False
# a sentence goes on after these
autosummary.WELL_KNOWN_ABBREVIATIONS += ("eq.", "al.,", "Fig.", "sec.")
numpydoc_show_class_members = False
# docstrings are plain text with equations and shapes, and not all of them valid reStructuredText
suppress_warnings = [
    "docutils",
    "mystnb.unknown_mime_type",
    "misc.highlighting_failure",
]

# the look: nothing is fetched from elsewhere, so that the pages work offline
html_theme = "furo"
html_title = "Regard"
html_static_path = []
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"
html_theme_options = {"navigation_with_keys": True}


def _inline(translator, node):
    translator.body.append(tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def _display(translator, node):
    translator.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def _plain(app, what, name, thing, options, lines):
    """A docstring without numpydoc sections is text: stars, bars, underscores are no markup."""
    if any(re.fullmatch(r"-{3,}", line.strip()) for line in lines):
        return
    parts = re.split(r"(`[^`]*`)", "\n".join(lines))
    parts[::2] = [
        re.sub(r"([*|\\])", r"\\\1", re.sub(r"(\w)_(?!\w)", r"\1\\_", part)) for part in parts[::2]
    ]
    lines[:] = "".join(parts).split("\n")


def _skip(app, what, name, thing, skip, options):
    """Leave out what a module has imported from another package."""
    return (
        True
        if not str(getattr(thing, "__module__", None) or project.lower()).startswith(
            project.lower()
        )
        else None
    )


def setup(app):
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    app.connect("autodoc-process-docstring", _plain, priority=900)
    app.connect("autodoc-skip-member", _skip)
