"""Made-up people, products and failures, so that the simulated organization reads like a real one."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_NAMES = (
    "Mira", "Jonas", "Aïcha", "Tomás", "Ingrid", "Kenji", "Leila", "Marek", "Noor", "Oskar", "Priya",
    "Quentin", "Rosa", "Søren", "Tala", "Uwe", "Vesna", "Wim", "Ximena", "Yusuf", "Zoë", "Anouk",
    "Bela", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hana", "Ivo",
)  # fmt: skip
LAST_NAMES = (
    "Albrecht", "Brandão", "Castellan", "Dvořák", "Eriksen", "Fontaine", "Grimaldi", "Haddad", "Ibarra",
    "Jansson", "Kowalczyk", "Lindqvist", "Moreau", "Nakagawa", "Okafor", "Petrov", "Quispe", "Rossi",
    "Schmidt", "Tanaka", "Ueda", "Virtanen", "Weiss", "Xu", "Yamada", "Zieliński",
)  # fmt: skip
PLACES = (
    ("AT", "Vienna", "Austria"),
    ("BR", "Recife", "Brazil"),
    ("DE", "Leipzig", "Germany"),
    ("FR", "Lyon", "France"),
    ("IN", "Pune", "India"),
    ("JP", "Osaka", "Japan"),
    ("NL", "Utrecht", "Netherlands"),
    ("PL", "Gdańsk", "Poland"),
    ("US", "Portland", "United States"),
)
TEAM_NAMES = ("storefront", "payments", "mobile", "platform", "data-science", "logistics", "growth")
PRODUCTS = (
    "checkout", "catalog", "ledger", "courier", "notify", "search", "identity", "pricing", "returns",
    "reports", "inbox", "loyalty", "media", "gateway", "planner",
)  # fmt: skip
BROWSERS = ("Chrome 131.0.0", "Firefox 132.0", "Safari 18.1", "Edge 131.0.0", "Chrome Mobile 130.0.0")


@dataclass(frozen=True, slots=True)
class Platform:
    """How one kind of application fails and what it reports about itself."""

    name: str
    family: str
    suffix: str
    package: str
    sdk: str
    sdk_version: str
    sessions: bool
    tracing: bool
    folder: str
    extension: str
    os: tuple[str, ...]
    transactions: tuple[str, ...]


PLATFORMS = (
    Platform("python", "python", "api", "acme-api", "sentry.python.django", "2.19.0", False, True,
             "shop/services", "py", ("Linux 6.8",), ("/api/orders/{id}/", "/api/cart/", "/api/login/")),
    Platform("javascript-react", "javascript", "web", "acme-web", "sentry.javascript.react", "8.41.0", True,
             True, "src/components", "tsx", ("Windows 11", "macOS 15.1", "Linux"),
             ("/checkout", "/product/:slug", "/account")),
    Platform("android", "java", "android", "com.acme.shop", "sentry.java.android", "7.18.0", True, True,
             "com/acme/shop", "kt", ("Android 15", "Android 14", "Android 12"),
             ("MainActivity", "CheckoutActivity")),
    Platform("apple-ios", "cocoa", "ios", "com.acme.Shop", "sentry.cocoa", "8.41.0", True, True,
             "Shop/Sources", "swift", ("iOS 18.1", "iOS 17.6.1"), ("CartViewController", "HomeView")),
    Platform("node", "node", "worker", "acme-worker", "sentry.javascript.node", "8.41.0", True, True,
             "src/jobs", "ts", ("Linux 6.8",), ("job.sync", "job.mail", "GET /health")),
    Platform("go", "go", "svc", "acme-svc", "sentry.go", "0.30.0", False, False,
             "internal/stock", "go", ("Linux 6.8",), ("stock.Reserve",)),
)  # fmt: skip

FAILURES: dict[str, tuple[tuple[str, str], ...]] = {
    "python": (
        ("KeyError", "'{word}_id'"),
        ("ValueError", "amount {number} is not a multiple of the smallest coin"),
        ("TimeoutError", "{word} service gave no answer within {small} s"),
        ("IntegrityError", 'duplicate key value violates unique constraint "{word}_pkey"'),
        ("AttributeError", "'NoneType' object has no attribute '{word}'"),
        ("ConnectionResetError", "[Errno 104] Connection reset by peer: {word}.internal.test:{port}"),
        ("PermissionError", "account {number} may not edit {word}"),
        ("ZeroDivisionError", "division by zero"),
    ),
    "javascript": (
        ("TypeError", "Cannot read properties of undefined (reading '{word}')"),
        ("ChunkLoadError", "Loading chunk {small} failed (https://cdn.acme.test/{word}.{small}.js)"),
        ("UnhandledRejection", "Object captured as promise rejection with keys: {word}, code"),
        ("RangeError", "Maximum call stack size exceeded"),
        ("NetworkError", "Request to /api/{word}/ was aborted"),
        ("SyntaxError", "Unexpected token '<', \"<!doctype \"... is not valid JSON"),
        ("InvariantError", "{word} rendered fewer hooks than expected"),
    ),
    "java": (
        ("NullPointerException", "{word} must not be null"),
        ("IllegalStateException", "Fragment {word} not attached to an activity"),
        ("OutOfMemoryError", "Failed to allocate a {number} byte allocation"),
        ("ApplicationNotResponding", "ANR for at least 5000 ms: {word}"),
        ("SQLiteFullException", "database or disk is full (code 13) while storing {word}"),
    ),
    "cocoa": (
        ("EXC_BAD_ACCESS", "Attempted to dereference null pointer in {word}."),
        ("NSInvalidArgumentException", "-[NSNull {word}]: unrecognized selector"),
        ("WatchdogTermination", "The OS ended the app, perhaps it used too much memory."),
        ("AppHang", "App hanging for at least {small} s in {word}."),
        ("DecodingError", "keyNotFound: {word}"),
    ),
    "node": (
        ("Error", "connect ECONNREFUSED 192.0.2.{octet}:{port}"),
        ("AssertionError", "queue {word} is not empty"),
        ("MongoServerError", "E11000 duplicate key: {word}"),
        ("TypeError", "{word} is not a function"),
        ("Error", "job {word} took {number} ms, limit is 30000 ms"),
    ),
    "go": (
        ("*errors.errorString", "reserve {word}: not enough stock"),
        ("*url.Error", 'Get "https://{word}.internal.test/v1": context deadline exceeded'),
        ("runtime.Error", "index out of range [{small}] with length {octet}"),
    ),
}
WORDS = (
    "order", "basket", "voucher", "invoice", "address", "shipment", "price", "profile", "token", "badge",
    "stock", "review", "refund", "wishlist", "banner", "label", "coupon", "tracking",
)  # fmt: skip
FUNCTIONS = (
    "load_{w}", "apply_{w}", "refresh_{w}", "{w}_to_view", "merge_{w}", "save_{w}", "validate_{w}",
    "render_{w}", "dispatch_{w}", "fetch_{w}",
)  # fmt: skip

# A sign from the private use area stands for half a surrogate pair until the bytes are written: a Python
# string that holds a lone surrogate cannot be encoded, but a server does send one as an escape.
LONE_SURROGATE = "\ue0d8"
LONE_SURROGATE_BYTES = LONE_SURROGATE.encode()
LONE_SURROGATE_ESCAPE = b"\\ud83d"

ODD_TITLES = (
    "Größe überschritten: 数量 が 多すぎ ます 🚚",
    "line one\nline two\u2028line three",
    "right\u202eto left\u202c and a NUL \x00 in it",
    "half a smile " + LONE_SURROGATE,
    "x" * 900,
    '\'; drop table orders; -- "quoted" \\backslash\\',
    " no-break\u00a0and\u200bzero width ",
)
ODD_RELEASES = ("feature/Umlaut ä #7", "v\u200b1", "nightly 2026 🚀", "a" * 120)
ODD_TAGS: tuple[tuple[str, str | None], ...] = (
    ("Customer", "Größenwahn GmbH"),
    ("customer", "with:colon, comma"),
    ("empty", ""),
    ("emoji", "🦔"),
    ("nul", "a\x00b"),
    ("number", "9223372036854775808"),
    ("half", LONE_SURROGATE + "half"),
)
