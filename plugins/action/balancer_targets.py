# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module of this file's name."""

from __future__ import annotations

from ansible_collections.mydigitalstructure.aws.plugins.plugin_utils import _in_controller

_in_controller.load(__name__, "elbv2")
ActionModule = _in_controller.ActionModule
