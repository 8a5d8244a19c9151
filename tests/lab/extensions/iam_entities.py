"""IAM's users, groups and policies: what AWS refuses to delete or to make, boundaries of users, names of all cases."""

from __future__ import annotations

import json

from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import DeleteConflictException, EntityAlreadyExists, LimitExceededException
from moto.iam.models import IAMBackend, ManagedPolicy, User
from moto.iam.responses import IamResponse

from .hosts import wrap

POLICY_CHARACTERS = 6144
ATTACHED = 10
GROUPS_OF_USER = 10


def install() -> None:
    # GetAccountAuthorizationDetails leaves them out
    ManagedPolicy.policy_name = property(lambda self: self.name)
    ManagedPolicy.policy_id = property(lambda self: self.id)
    User.permissions_boundary_arn = None
    User.permissions_boundary = property(boundary)
    IamResponse.put_user_permissions_boundary = put_user_boundary
    IamResponse.delete_user_permissions_boundary = delete_user_boundary
    IamResponse.list_service_specific_credentials = list_service_specific_credentials
    for path in ("ListUsersResponse.Users.User", "GetGroupResponse.Users.User"):
        IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER[f"{path}.PermissionsBoundary"] = lambda value: None
    wrap(IamResponse, "create_user", create_user)
    for kind in ("user", "group", "role"):
        wrap(IamResponse, f"create_{kind}", refuse_other_case(kind))
        wrap(IamResponse, f"attach_{kind}_policy", attach_policy(kind))
    for operation in ("create_policy", "create_policy_version"):
        wrap(IamResponse, operation, refuse_long)
    wrap(IAMBackend, "delete_user", delete_user)
    wrap(IAMBackend, "delete_group", delete_group)
    wrap(IAMBackend, "delete_policy", delete_policy)
    wrap(IAMBackend, "add_user_to_group", add_user_to_group)


def boundary(self: User) -> dict[str, str] | None:
    if not self.permissions_boundary_arn:
        return None
    return {
        "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
        "PermissionsBoundaryArn": self.permissions_boundary_arn,
    }


def create_user(original, self: IamResponse) -> ActionResult:
    arn = self._get_param("PermissionsBoundary")
    if arn:
        self.backend.get_policy(arn)
    answer = original(self)
    self.backend.get_user(self._get_param("UserName")).permissions_boundary_arn = arn
    return answer


def put_user_boundary(self: IamResponse) -> ActionResult:
    arn = self.backend.get_policy(self._get_param("PermissionsBoundary")).arn
    self.backend.get_user(self._get_param("UserName")).permissions_boundary_arn = arn
    return EmptyResult()


def delete_user_boundary(self: IamResponse) -> ActionResult:
    self.backend.get_user(self._get_param("UserName")).permissions_boundary_arn = None
    return EmptyResult()


def list_service_specific_credentials(self: IamResponse) -> ActionResult:
    """None can be made here, so nobody has any."""
    self.backend.get_user(self._get_param("UserName"))
    return ActionResult({"ServiceSpecificCredentials": []})


def refuse_other_case(kind: str):
    """Names are kept with their case and are not distinguished by it."""

    def create(original, self: IamResponse) -> ActionResult:
        name = self._get_param(f"{kind.title()}Name")
        there = {"user": self.backend.users, "group": self.backend.groups, "role": self.backend.roles}[kind].values()
        if any(item.name.lower() == name.lower() for item in there):
            raise EntityAlreadyExists(f"{kind.title()} with name {name} already exists.")
        return original(self)

    return create


def refuse_long(original, self: IamResponse) -> ActionResult:
    document = json.loads(self._get_param("PolicyDocument"))
    if len(json.dumps(document, separators=(",", ":"), ensure_ascii=False)) > POLICY_CHARACTERS:
        raise LimitExceededException(f"Cannot exceed quota for PolicySize: {POLICY_CHARACTERS}")
    return original(self)


def attach_policy(kind: str):
    def attach(original, self: IamResponse) -> ActionResult:
        entity = getattr(self.backend, f"get_{kind}")(self._get_param(f"{kind.title()}Name"))
        if self._get_param("PolicyArn") not in entity.managed_policies and len(entity.managed_policies) >= ATTACHED:
            raise LimitExceededException(f"Cannot exceed quota for PoliciesPer{kind.title()}: {ATTACHED}")
        return original(self)

    return attach


def add_user_to_group(original, self: IAMBackend, group_name: str, user_name: str):
    groups = {group.name for group in self.get_groups_for_user(user_name)}
    if group_name not in groups and len(groups) >= GROUPS_OF_USER:
        raise LimitExceededException(f"Cannot exceed quota for GroupsPerUser: {GROUPS_OF_USER}")
    return original(self, group_name, user_name)


def delete_user(original, self: IAMBackend, user_name: str) -> None:
    user = self.get_user(user_name)
    for held, title in (
        (user.password, "login profile"),
        (user.access_keys, "access keys"),
        (user.mfa_devices, "MFA devices"),
        (user.signing_certificates, "signing certificates"),
        (user.ssh_public_keys, "SSH public keys"),
    ):
        if held:
            raise DeleteConflictException(f"Cannot delete entity, must delete {title} first.")
    if self.get_groups_for_user(user_name):
        raise DeleteConflictException("Cannot delete entity, must remove users from group first.")
    original(self, user_name)


def delete_group(original, self: IAMBackend, group_name: str) -> None:
    group = self.get_group(group_name)
    if group.users:
        raise DeleteConflictException("Cannot delete entity, must remove users from group first.")
    if group.managed_policies:
        raise DeleteConflictException("Cannot delete entity, must detach all policies first.")
    if group.policies:
        raise DeleteConflictException("Cannot delete entity, must delete policies first.")
    original(self, group_name)


def delete_policy(original, self: IAMBackend, policy_arn: str) -> None:
    policy = self.get_policy(policy_arn)
    bounded = [e for e in (*self.users.values(), *self.roles.values()) if e.permissions_boundary_arn == policy_arn]
    if policy.attachment_count or bounded:
        raise DeleteConflictException("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise DeleteConflictException("This policy has more than one version. Before you delete it, delete the others.")
    original(self, policy_arn)
