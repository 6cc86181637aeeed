"""Personal data and secrets are treated in a page's JSON before anything of it is written to disk.

What is promised, by action (`users`, `members` and `requests` of the Policy have one each):

hash  The value is replaced by `hash-` and 32 hex digits: HMAC-SHA-256 under the warehouse's own key. Equal
      values have equal hashes in every field, tag, stream and night, others differ, so joins and distinct
      counts give what they gave before. The text is taken as it is written: no case folding or trimming,
      because Sentry counts `A@x` and `a@x` as two users, and so must we.
drop  The value is replaced by null. Keys, places in lists and every other value stay.
keep  The value stays.

users     e-mail, IP address, user name, name, phone and the application's own data about a user, wherever a
          stream declares them, in tags, and under such names in contexts, extra data, frame variables and
          breadcrumbs; of a place only the country stays, under `drop` and `hash` alike.
          A user id stays where it is opaque (a number, a UUID, 16 or more hex digits, also behind a
          prefix such as `user-`); any other is treated as a user name, because it often is one.
members   people who work with Sentry: members, assignees, authors of commits. Kept by default.
requests  query strings and bodies of requests, also the query in a URL. As `users` by default.
always    cookies, authorization headers, passwords, tokens and client keys are dropped, whatever the policy
          (from tags only while some personal data in them is not kept).
new       fields that no stream declares, beside those that one does at any level of a record, are treated by
          their names as free data are, so that a newer Sentry gives away nothing before somebody has looked;
          as users are, or as members where a stream declares people of that group alone and they are
          treated more strictly.
          Not so what is new inside of a value that is kept whole as JSON.

Not covered: free text (titles, messages, source lines, variables that hold a printed object) may mention
anybody. With `texts="scrub"` e-mail and IP addresses in texts are replaced too; names can not be found there.
A tag or field that holds a person under a name of the application's own is named in `overrides`.

Everything else comes out byte for byte as it went in, but that objects and lists around personal values are
written without white space, and of a key that stands twice only the last. Pages that strict
decoders refuse are repaired first (`transforms.repair`). Only `load_key` touches a file.
Sources: facts §4.1, §4.2, §5 and §8 (19).
"""

from transforms.privacy.keyfile import KEY_FILE, KeyFileError, load_key
from transforms.privacy.kinds import KINDS, KindError
from transforms.privacy.page import Privacy
from transforms.privacy.person import Forgetting, Person
from transforms.privacy.policy import Action, Policy, PolicyError

__all__ = [
    "KEY_FILE",
    "KINDS",
    "Action",
    "Forgetting",
    "KeyFileError",
    "KindError",
    "Person",
    "Policy",
    "PolicyError",
    "Privacy",
    "load_key",
]
