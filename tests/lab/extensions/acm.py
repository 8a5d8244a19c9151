"""ACM: a certificate with DNS validation is issued when its validation records really are in a zone of the lab.

moto issues certificates by the clock (after a minute). Here each look at a certificate (describe, list, get) asks the
lab's Route 53 for the records; 72 hours of the lab's clock without them is VALIDATION_TIMED_OUT. As on AWS the first
DescribeCertificate after the request does not have the records to make yet.
"""

from __future__ import annotations

import hashlib

from moto.acm.exceptions import AWSValidationException
from moto.acm.models import AWSCertificateManagerBackend, CertBundle
from moto.acm.responses import AWSCertificateManagerResponse
from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.elbv2.models import elbv2_backends

from ..clock import CLOCK
from . import route53

VALIDATION_SECONDS = 72 * 3600
PAGE = 1000
# what ListCertificates returns when no key types are asked for
LISTED_KEY_TYPES = ("RSA_1024", "RSA_2048")
SUMMARY = (
    "CertificateArn",
    "DomainName",
    "Status",
    "Type",
    "KeyAlgorithm",
    "KeyUsages",
    "ExtendedKeyUsages",
    "NotBefore",
    "NotAfter",
    "CreatedAt",
    "IssuedAt",
    "ImportedAt",
    "RevokedAt",
    "RenewalEligibility",
)


def base_domain(domain: str) -> str:
    return domain.removeprefix("*.")


def validation_record(account: str, domain: str) -> dict[str, str]:
    """The CNAME that proves a domain: the same for ``x`` and ``*.x``, and for every certificate of an account."""
    base = base_domain(domain).lower()
    name, value = (hashlib.md5(f"{part} {account} {base}".encode()).hexdigest() for part in ("name", "value"))
    return {"Name": f"_{name}.{base}.", "Type": "CNAME", "Value": f"_{value}.lab.acm-validations.aws."}


def _domains(certificate: CertBundle) -> list[str]:
    return list(dict.fromkeys([certificate.common_name, *certificate.__dict__.get("requested", certificate.sans)]))


def _proved(certificate: CertBundle, domain: str) -> bool:
    record = validation_record(certificate.account, domain)
    wanted = record["Value"].rstrip(".")
    values = route53.resolve(certificate.account, record["Name"], "CNAME")
    return wanted in (value.rstrip(".").lower() for value in values)


def check(certificate: CertBundle) -> None:
    """Bring a certificate's status up to date."""
    if certificate.type != "AMAZON_ISSUED" or certificate.status != "PENDING_VALIDATION":
        return
    if certificate.method == "DNS" and all(_proved(certificate, domain) for domain in _domains(certificate)):
        certificate.status = "ISSUED"
        certificate.issued_at = CLOCK.now()
    elif CLOCK.now() - certificate.requested_at > VALIDATION_SECONDS:
        certificate.status = "VALIDATION_TIMED_OUT"


def users(account: str, region: str, arn: str) -> list[str]:
    """ARNs of the balancers whose listeners have a certificate."""
    found = []
    for balancer in elbv2_backends[account][region].load_balancers.values():
        for listener in balancer.listeners.values():
            if arn in [*listener.certificates, listener.certificate]:
                found.append(balancer.arn)
    return sorted(set(found))


def detail(self: AWSCertificateManagerResponse, certificate: CertBundle) -> dict:
    """botocore's CertificateDetail."""
    described = certificate.describe()["Certificate"]
    described["InUseBy"] = users(self.current_account, self.region, certificate.arn)
    if certificate.type != "AMAZON_ISSUED":
        return described
    domains = _domains(certificate)
    described["SubjectAlternativeNames"] = domains
    described["KeyAlgorithm"] = certificate.key_algorithm
    described["RenewalEligibility"] = "ELIGIBLE" if described["InUseBy"] else "INELIGIBLE"
    described["CreatedAt"] = certificate.requested_at
    issued = certificate.status == "ISSUED"
    if issued:
        described["IssuedAt"] = certificate.issued_at
    else:
        for name in ("IssuedAt", "NotBefore", "NotAfter", "Serial", "Issuer"):
            described.pop(name, None)
    options = []
    for domain in domains:
        failed = "FAILED" if certificate.status == "VALIDATION_TIMED_OUT" else "PENDING_VALIDATION"
        proved = issued or (certificate.method == "DNS" and _proved(certificate, domain))
        option = {
            "DomainName": domain,
            "ValidationDomain": domain,
            "ValidationMethod": certificate.method,
            "ValidationStatus": "SUCCESS" if proved else failed,
        }
        if certificate.method == "DNS" and certificate.described:
            option["ResourceRecord"] = validation_record(certificate.account, domain)
        options.append(option)
    described["DomainValidationOptions"] = options
    return described


def request_certificate(self: AWSCertificateManagerResponse) -> ActionResult:
    domain = self._get_param("DomainName")
    names = self._get_param("SubjectAlternativeNames") or []
    if len({domain, *names}) > 10:
        raise AWSError("You have exceeded the quota of 10 domain names", exception_type="LimitExceededException")
    method = self._get_param("ValidationMethod") or "EMAIL"
    if method not in ("DNS", "EMAIL", "HTTP"):
        raise AWSValidationException(f"Value '{method}' at 'validationMethod' failed to satisfy constraint")
    token = self._get_param("IdempotencyToken")
    asked = [domain.lower(), sorted(name.lower() for name in names), method, self._get_param("KeyAlgorithm")]
    tokens = self.acm_backend.__dict__.setdefault("requests_by_token", {})
    if token and token in tokens:
        arn, before, at = tokens[token]
        if before == asked and arn in self.acm_backend._certificates and CLOCK.now() - at < 3600:
            return ActionResult({"CertificateArn": arn})
    arn = self.acm_backend.request_certificate(
        domain.lower(),
        None,
        [name.lower() for name in names],
        self._get_param("Tags"),
        self._get_param("CertificateAuthorityArn"),
        self._get_param("Options"),
    )
    certificate = self.acm_backend._certificates[arn]
    certificate.account = self.current_account
    certificate.method = method
    certificate.requested = [name.lower() for name in names]
    certificate.requested_at = CLOCK.now()
    certificate.key_algorithm = (self._get_param("KeyAlgorithm") or "RSA_2048").replace("-", "_")
    certificate.described = False
    if token:
        tokens[token] = arn, asked, CLOCK.now()
    return ActionResult({"CertificateArn": arn})


def describe_certificate(self: AWSCertificateManagerResponse) -> ActionResult:
    certificate = self.acm_backend.get_certificate(self._get_param("CertificateArn"))
    described = detail(self, certificate)
    certificate.described = True
    return ActionResult({"Certificate": described})


def list_certificates(self: AWSCertificateManagerResponse) -> ActionResult:
    statuses = self._get_param("CertificateStatuses")
    includes = self._get_param("Includes") or {}
    found = []
    for arn in list(self.acm_backend._certificates):
        certificate = self.acm_backend.get_certificate(arn)
        if statuses and certificate.status not in statuses:
            continue
        described = detail(self, certificate)
        exported = certificate.cert_options.get("Export", "DISABLED")
        if described["KeyAlgorithm"] not in (includes.get("keyTypes") or LISTED_KEY_TYPES):
            continue
        if includes.get("exportOption") and includes["exportOption"] != exported:
            continue
        summary = {name: described[name] for name in SUMMARY if name in described}
        names = described["SubjectAlternativeNames"]
        found.append(
            {
                **summary,
                "SubjectAlternativeNameSummaries": names[:100],
                "HasAdditionalSubjectAlternativeNames": len(names) > 100,
                "InUse": bool(described["InUseBy"]),
                "Exported": False,
                "ExportOption": exported,
            }
        )
    start = int(self._get_param("NextToken") or 0)
    end = start + min(int(self._get_param("MaxItems") or PAGE), PAGE)
    answer: dict = {"CertificateSummaryList": found[start:end]}
    if end < len(found):
        answer["NextToken"] = str(end)
    return ActionResult(answer)


def get_certificate(self: AWSCertificateManagerResponse) -> ActionResult:
    certificate = self.acm_backend.get_certificate(self._get_param("CertificateArn"))
    if certificate.status == "PENDING_VALIDATION":
        raise AWSError(f"Certificate {certificate.arn} is not yet issued", exception_type="RequestInProgressException")
    return ActionResult({"Certificate": certificate.cert.decode(), "CertificateChain": certificate.chain.decode()})


def install() -> None:
    delete = AWSCertificateManagerBackend.delete_certificate

    def delete_certificate(self: AWSCertificateManagerBackend, arn: str) -> None:
        self.get_certificate(arn)
        used = users(self.account_id, self.region_name, arn)
        if used:
            raise AWSError(
                f"Certificate {arn} in account {self.account_id} is in use.", exception_type="ResourceInUseException"
            )
        delete(self, arn)

    CertBundle.check = check
    AWSCertificateManagerBackend.delete_certificate = delete_certificate
    for action in (request_certificate, describe_certificate, list_certificates, get_certificate):
        setattr(AWSCertificateManagerResponse, action.__name__, action)
