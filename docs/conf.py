"""Sphinx's settings for `make docs`; the pages are made by antsibull-docs from the plugins and roles."""

from docutils import nodes

project = "mydigitalstructure.aws"
copyright = "mydigitalstructure"
title = "mydigitalstructure.aws"
extensions = ["sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
html_title = title
html_show_sphinx = False
html_use_smartypants = True
html_copy_source = False
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"

# The pages of Ansible's own documentation that antsibull-docs refers to; without the network there is no intersphinx.
ANSIBLE_DOCUMENTATION = "https://docs.ansible.com/ansible/latest/"
ANSIBLE_LABELS = {
    "action_plugins": "plugins/action.html",
    "common_return_values": "reference_appendices/common_return_values.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "callback_plugins": "plugins/callback.html",
}


def outside(app, env, node, contnode):
    """Link a label that another documentation defines; None leaves the warning that fails the build."""
    target = node.get("reftarget", "")
    if target.startswith("ansible_collections.") and not target.startswith("ansible_collections.mydigitalstructure."):
        namespace, collection, rest = target.removeprefix("ansible_collections.").split(".", 2)
        page = f"collections/{namespace}/{collection}/{rest}.html"
    elif target in ANSIBLE_LABELS:
        page = ANSIBLE_LABELS[target]
    else:
        return None
    reference = nodes.reference("", "", internal=False, refuri=ANSIBLE_DOCUMENTATION + page)
    reference += contnode
    return reference


def setup(app):
    app.connect("missing-reference", outside)
    return {"parallel_read_safe": True}
