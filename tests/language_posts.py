"""Posts in ten languages that no head of the starter has learned from: ordinary ones, and abuse."""

from itertools import product

from tests.languages import SENTENCES

_PARTS = {
    "Spanish": (
        ("Mi hermana", "Nuestro vecino", "La niña pequeña", "El viejo maestro", "Mi gato negro"),
        (
            "toma el té caliente con miel",
            "ha encontrado un buen libro sobre el mar",
            "nos espera en la entrada del parque",
            "siempre dice la verdad",
            "se va mañana a Madrid",
        ),
        ("y hoy también.", "y eso es todo.", "por eso estamos contentos.", "a las diez."),
    ),
    "German": (
        ("Meine Schwester", "Unser Nachbar", "Das kleine Kind", "Der alte Lehrer", "Die Katze"),
        (
            "trinkt den heißen Tee mit Honig",
            "hat ein gutes Buch über das Meer gefunden",
            "wartet auf uns am Eingang zum Park",
            "sagt immer die Wahrheit",
            "fährt morgen nach Berlin",
        ),
        ("und heute auch.", "und das ist alles.", "also sind wir froh.", "um zehn Uhr."),
    ),
    "Dutch": (
        ("Mijn zus", "Onze buurman", "Het kleine kind", "De oude leraar", "De rode kat"),
        (
            "drinkt graag hete thee met honing",
            "heeft een goed boek over de zee gevonden",
            "wacht op ons bij de ingang van het park",
            "zegt altijd de waarheid",
            "gaat morgen naar Amsterdam",
        ),
        ("en vandaag ook.", "en dat is alles.", "dus we zijn blij.", "om tien uur."),
    ),
    "French": (
        ("Ma sœur", "Notre voisin", "Le petit enfant", "Le vieux professeur", "Mon chat noir"),
        (
            "aime le thé chaud avec du miel",
            "a trouvé un bon livre sur la mer",
            "nous attend à l'entrée du parc",
            "dit toujours la vérité",
            "part demain pour Paris",
        ),
        ("et aujourd'hui aussi.", "et c'est tout.", "donc nous sommes contents.", "à dix heures."),
    ),
    "Polish": (
        ("Moja siostra", "Nasz sąsiad", "To małe dziecko", "Stary nauczyciel", "Rudy kot"),
        (
            "lubi gorącą herbatę z miodem",
            "ma dobrą książkę o morzu",
            "czeka na nas przy wejściu do parku",
            "zawsze mówi prawdę",
            "jutro jedzie do Warszawy",
        ),
        ("i dzisiaj też.", "i to jest wszystko.", "więc się cieszymy.", "o dziesiątej."),
    ),
    "Chinese": (
        ("我的妹妹", "我们的邻居", "这个小孩子", "以前的老师", "那只橘猫"),
        (
            "很喜欢加蜂蜜的热茶，",
            "找到了一本关于大海的好书，",
            "在公园门口等我们，",
            "总是说真话，",
            "明天要去北京，",
        ),
        ("今天也一样。", "就这些。", "所以我们很高兴。", "早上十点。"),
    ),
}

ABUSE: dict[str, tuple[str, ...]] = {
    "Spanish": (
        "eres un idiota y nadie te quiere",
        "cállate, gordo asqueroso, das pena a todos",
        "los de tu clase son basura y deben irse",
        "qué estúpida eres, no sirves para nada",
    ),
    "German": (
        "du bist ein Idiot und keiner mag dich",
        "halt den Mund, du fette Sau, du bist allen peinlich",
        "leute wie du sind Abschaum und sollen verschwinden",
        "wie dumm du bist, du taugst zu nichts",
    ),
    "Dutch": (
        "je bent een idioot en niemand mag je",
        "hou je mond, vette zeug, iedereen schaamt zich voor je",
        "mensen zoals jij zijn tuig en moeten weg",
        "wat ben je toch dom, je bent niets waard",
    ),
    "French": (
        "tu es un idiot et personne ne t'aime",
        "tais-toi, gros porc, tu fais honte à tout le monde",
        "les gens comme toi sont des ordures et doivent partir",
        "que tu es bête, tu ne sers à rien",
    ),
    "Polish": (
        "jesteś idiotą i nikt cię nie lubi",
        "zamknij się, gruba świnio, wszyscy się ciebie wstydzą",
        "tacy jak ty to śmieci i powinni zniknąć",
        "jaka ty jesteś głupia, do niczego się nie nadajesz",
    ),
    "Chinese": (
        "你是个白痴，没有人喜欢你",
        "闭嘴，你这头肥猪，大家都替你丢脸",
        "你们这种人都是垃圾，应该滚出去",
        "你真蠢，什么都不会",
    ),
    "Russian": (
        "ты идиот и никто тебя не любит",
        "заткнись, жирная свинья, за тебя всем стыдно",
        "такие как ты — мусор и должны исчезнуть",
        "какая же ты тупая, ни на что не годишься",
    ),
    "Arabic": (
        "أنت أحمق ولا أحد يحبك",
        "اخرس أيها الخنزير السمين، الجميع يخجل منك",
        "أمثالك حثالة ويجب أن يرحلوا",
        "كم أنت غبية، لا تصلحين لشيء",
    ),
    "Turkish": (
        "sen bir aptalsın ve kimse seni sevmiyor",
        "kapa çeneni şişko domuz, herkes senden utanıyor",
        "senin gibiler çöp ve buradan gitmeli",
        "ne kadar salaksın, hiçbir işe yaramazsın",
    ),
    "Hindi": (
        "तुम बेवकूफ़ हो और तुम्हें कोई पसंद नहीं करता",
        "चुप रहो मोटे सूअर, सबको तुम पर शर्म आती है",
        "तुम जैसे लोग कचरा हैं और उन्हें चले जाना चाहिए",
        "कितनी मूर्ख हो तुम, किसी काम की नहीं",
    ),
}
"""A few of each, as mild as abuse can be."""

ORDINARY: dict[str, list[str]] = {
    language: SENTENCES[language]
    if language in SENTENCES
    else [" ".join(parts) for parts in product(*_PARTS[language])]
    for language in ABUSE
}
"""A hundred each."""
