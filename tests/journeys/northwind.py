"""The companies that the stories are about, brought in as every company is: by mails and pages."""

from dataclasses import dataclass

from tests.journeys.portal import PASSWORD, Json, Person

SIGN_IN_LINK = "query Page($token: String!) { signInLink(token: $token) { email expiresAt challenge } }"
TERMS = {"title": "Shop care", "description": "We look after your shop.", "region": "Vienna", "startsOn": "2027-01-01"}
MESSAGE = "Shall we\nlook after your shop together?"


@dataclass(frozen=True, slots=True)
class Northwind:
    """Vera runs the portal; Paula is Northwind's admin; Peter and Petra are the contacts that Northwind lends."""

    vera: Person
    paula: Person
    id: str
    peter: str
    petra: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Clara, who owns Harbour Foods' account, has Northwind's offer in her inbox."""

    northwind: Northwind
    clara: Person
    client: str
    account: str
    partnership: str
    offer: str


@dataclass(frozen=True, slots=True)
class Partners:
    """Northwind and Harbour Foods work together."""

    asked: Asked
    grant: str


async def sign_in_by_link(person: Person, token: str | None) -> Json:
    """Follow a sign-in link and confirm; the page that asked."""
    page: Json = (await person.reads(SIGN_IN_LINK, token=token))["signInLink"]
    begun = await person.does("signInWithLink", "token", token=token, challenge=page["challenge"])
    person.token = begun["token"]
    return page


async def create_partner(vera: Person, selection: str = "partner { id }") -> Json:
    """Let the vendor create Northwind and invite Paula."""
    created = await vera.does(
        "partnerCreate",
        selection,
        name="Northwind",
        kind="PARTNER",
        domain="northwind.example",
        licences=3,
        adminEmail="paula@northwind.example",
        adminName="Paula Partner",
        copyAddress="copies@northwind.example",
    )
    partner: Json = created["partner"]
    return partner


async def create_contact(of: Person, company: str, name: str, **details: object) -> str:
    """Add a contact to a company; its id."""
    made = await of.does("contactCreate", "contact { id }", organisationId=company, name=name, **details)
    return str(made["contact"]["id"])


async def bring_in(vera: Person, admin_link: str, paula: Person) -> Northwind:
    """Vera signs in and creates Northwind; Paula joins and adds two contacts."""
    await sign_in_by_link(vera, admin_link)
    company = (await create_partner(vera))["id"]
    await paula.joins(await paula.next_mail(), name="Paula Partner", password=PASSWORD)
    await vera.next_mail()
    peter = await create_contact(paula, company, "Peter Peach", title="Technician", email="peter@northwind.example")
    petra = await create_contact(paula, company, "Petra Plum", phone="+43 1 234", purposes=["SUPPORT"])
    return Northwind(vera, paula, company, peter, petra)


async def offer(northwind: Northwind, selection: str = "id offer { id }", **to: object) -> Json:
    """Let Paula offer a partnership with both contacts; the partnership."""
    made = await northwind.paula.does("partnershipOffer", f"partnership {{ {selection} }}", **offered(northwind, **to))
    partnership: Json = made["partnership"]
    return partnership


def offered(northwind: Northwind, **to: object) -> Json:
    """What an offer says."""
    contacts = [northwind.peter, northwind.petra]
    return {"partnerId": northwind.id, "terms": TERMS, "contactIds": contacts, "message": MESSAGE, **to}


async def ask(northwind: Northwind, clara: Person) -> Asked:
    """Paula offers Clara's address a partnership; Clara joins from the mail."""
    made = await offer(northwind, email=clara.address, clientName="Harbour Foods")
    joined = await clara.joins(
        await clara.next_mail(),
        "viewer { accounts { nodes { id client { id } } } }",
        name="Clara Client",
        password=PASSWORD,
        clientName="Harbour Foods",
        accountName="Main shop",
    )
    [account] = joined["viewer"]["accounts"]["nodes"]
    return Asked(northwind, clara, account["client"]["id"], account["id"], made["id"], made["offer"]["id"])


async def agree(asked: Asked) -> Partners:
    """Clara accepts with her account."""
    grants = "partnership { accessGrants { nodes { id } } }"
    accepted = await asked.clara.does(
        "proposalAccept",
        f"proposal {{ ... on PartnershipOffer {{ {grants} }} }}",
        proposalId=asked.offer,
        accountIds=[asked.account],
    )
    await asked.northwind.paula.next_mail()
    [grant] = accepted["proposal"]["partnership"]["accessGrants"]["nodes"]
    return Partners(asked, grant["id"])
