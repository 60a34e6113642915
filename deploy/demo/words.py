"""The vocabulary of the demo's data: names, links, reasons, and texts that trip careless readers of CSV."""

FIRST_NAMES = [
    "Anna",
    "Ben",
    "Chloé",
    "Dirk",
    "Élise",
    "Farid",
    "Greta",
    "Hugo",
    "Inès",
    "Jan",
    "Katrien",
    "Liam",
    "Maëlle",
    "Noah",
    "Ömer",
    "Piet",
    "Quentin",
    "Ruth",
    "Sofia",
    "Thomas",
    "Øyvind",
    "Zoë",
]
CITIES = ["Namur", "Liège", "Brugge", "'s-Gravenhage", "Köln", "Saint-Étienne", "Łódź", "San Sebastián"]
INTERESTS = ["cycling", "wine", "garden", "books", "travel", "home; deco", 'the "big" sale', "cooking", "running"]
COMPANIES = ["Brasserie du Lac", "Van Hool & Zonen", 'Atelier "Zéro"', "Ö; GmbH", "東京商事", "Kwik-Fit\nNamur", "Café René"]
LANGUAGES = ["fr", "nl", "en", "de"]
DOMAINS = ["example.com", "mail.example.be", "post.example.org", "büro.example"]
LINKS = ["hero-image", "call-to-action", "unsubscribe", "web version", "footer: terms; privacy", "product «42»", "store locator"]
PAGES = ["/", "/spring?utm_source=mail&utm_campaign=a;b", "/basket/42", "/produkte/größe?q=%22x%22", "/account#orders", "/fr/été"]
DEVICES = ["DESKTOP", "MOBILE", "TABLET", None]
USER_AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Thunderbird/132.0",
    "",
]
VERSIONS = ["A", "B", "control", None, ""]
NOT_SENT = ["QUARANTINE", "NO_ADDRESS", "UNSUBSCRIBED", "PRESSURE_LIMIT", "PERSONALISATION_ERROR"]
DETAILS = [
    "",
    None,
    "limit of 3 a week reached",
    'field "firstName" is empty',
    "rejected by rule 7;\nsee the audit",
    "address\tinvalid",
]
BOUNCES = ["UNKNOWN_USER", "UNKNOWN_DOMAIN", "MAILBOX_FULL", "GREYLISTED", "SPAM_CONTENT", "OTHER"]
SMTP_CODES = ["550", "5.1.1", "452", "4.2.2", "421", "554 5.7.1", None]
SMTP_TEXTS = [
    "550 5.1.1 <x@example.com>: Recipient address rejected: User unknown",
    '452 4.2.2 The mailbox "x" is full;\r\nplease try later',
    "421 Too many connections; try again",
    "554 5.7.1 Message « refusé »",
    None,
]
NETWORKS = ["Facebook", "Google Ads", "LinkedIn", "X"]
AUDIENCES = ["lookalike 1 %", "lapsed; 12 months", "VIP «or»", "newsletter readers"]
SUBSCRIPTIONS = ["Newsletter", "Promotions; weekly", "Événements", "Partner offers"]
GOALS = ["Order placed", "Basket filled", "Brochure downloaded", "Visite > 3 pages", 'Saw "sale"']
FORMS = ["Satisfaction 2026", "Jeu-concours d'été", "NPS; stores", "Preferences"]
QUESTIONS = ["Would you recommend us?", "Which colours?", "Anything\nelse?", "«Pourquoi» ?"]
ANSWERS = ["10", "red", "blue", "all; of them", 'I said "no"', "très bien 👍", "لا", "never"]
PEOPLE = ["j.peeters", "agency «Noord»", "print@example.com", "import job 7"]
PROVIDERS = ["Gmail", "Outlook", "Yahoo", "Orange", None]
CAMPAIGNS = [
    "Spring sale",
    "Welcome; part 1",
    'The "one" newsletter',
    "Été\n2026",
    "Basket reminder",
    " leading blanks",
    "=SUM(A1:A9)",
    "再入荷",
]
CAMPAIGN_TYPES = ["ONE_SHOT", "SCENARIZED", "AB_TESTING", "TRANSACTIONAL"]

# Legal in any text column, and fatal to a reader that splits at every separator or guesses encodings.
NASTY = [
    'said "yes"; then left',
    "two\nlines",
    "carriage\r\nreturn",
    "   leading blanks",
    "=1+1",
    "-2+3",
    "@import",
    "emoji 🎉👩‍👩‍👧 and more",
    "right-to-left \u202eabc\u202c שלום",
    '""',
    ";",
    "NULL",
    "a" * 4000,
    "tab\there",
]
