# Reads mails as Python's email package does: one a line, in base64; answers with one line of JSON each.
import base64, email, email.policy, email.utils, hashlib, json, sys


def tried(read):
    try:
        return read()
    except Exception:
        return None


def addresses(message, name):
    value = tried(lambda: message[name])
    return None if value is None else [[a.display_name, a.addr_spec] for a in value.addresses]


def judged(message):
    text, html, files = [], [], []

    def walk(part):
        if part.get_content_maintype() == "multipart":
            for child in part.iter_parts():
                walk(child)
            return
        if part.get_content_maintype() == "message":
            files.append([part.get_filename(), None])
            return
        kind = part.get_content_type()
        is_file = part.get_content_disposition() == "attachment" or part.get_filename() is not None
        if kind in ("text/plain", "text/html") and not is_file:
            (html if kind == "text/html" else text).append(tried(lambda: part.get_content()))
        else:
            content = part.get_payload(decode=True) or b""
            files.append([part.get_filename(), hashlib.sha256(content).hexdigest()])

    tried(lambda: walk(message))
    date = tried(lambda: message["date"].datetime)
    return {
        "subject": tried(lambda: str(message["subject"] or "")),
        "from": tried(lambda: addresses(message, "from")),
        "to": tried(lambda: addresses(message, "to")),
        "date": date and tried(lambda: int(date.timestamp()) if date.tzinfo else None),
        "text": text[0] if len(text) == 1 else None,
        "html": html[0] if len(html) == 1 else None,
        "files": files,
    }


for line in sys.stdin:
    message = email.message_from_bytes(base64.b64decode(line), policy=email.policy.default)
    print(json.dumps(judged(message)), flush=True)
