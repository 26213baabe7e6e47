"""What a person has to say of letters that look like a Latin one; ``confusables`` holds the rest.

And the alphabets that tell the use of letters from their abuse. ``FANCIFUL`` are what "faux
Cyrillic" and its like add to Unicode's data. What stands here goes before what is there.
"""

FANCIFUL = {
    "a": "Λλ",
    "b": "βЪъь",
    "d": "δД",
    "e": "εΣξєЄзЗэ",
    "h": "ЋђͰͱ",
    "k": "κкқҟⲕꮶ",
    "m": "м",
    "n": "ИиПпπлЛͶͷ",
    "o": "фФφ",
    "r": "ЯяГ",
    "s": "ς",
    "t": "Ͳͳ",
    "u": "цЦ",
    "w": "ωψшШщЩ",
    "x": "жЖ",
    "y": "чЧ",
}
# Latin letters whose Unicode name does not say which ASCII letter they look like.
LATIN = {
    "a": "ɑ",
    "b": "ƄꞴ",
    "d": "ÐðƉ",
    "e": "ꬲəɛ",
    "f": "ẝꬵ",
    "g": "ƍɡ",
    "i": "ıƖɩᵻᵼ",
    "l": "ǀ",
    "n": "ŋ",
    "o": "ɵᴑꬽꬾɔ",
    "r": "Ʀꭇꭈ",
    "s": "ƽʃ",
    "u": "Ʉᵾꞟʊ",
    "w": "ɯꝡ",
    "x": "Ꭓ",
    "y": "ɣ",
}
TURKISH = "çğıİöşüâîû"
AZERI = "çəğıİöşü"
# What alphabets, romanisations and loan words in them add to a-z; one language or family a
# line.
ALPHABETS = f"""
{TURKISH}
{AZERI}
àâæçéèêëîïôœùûüÿñ
äöüßéà
áéíóúüñç
àáâãçéêíóôõúüè
àèéìíîòóùú
àáçéèëéíïóòöúüĳêôû
æøåéèêóòôâáäöü
åäöéàüšž
áéíóúýðþæö
áíóúýøæðå
àèìòùáéíóú
âêîôûŵŷáéíóúẃýàèìòùẁỳäëïöüẅÿ
ąćęłńóśźż
áčďéěíňóřšťúůýžäĺľôŕ
áéíóöőúüű
ăâîșțşţ
čćđšžáéíóúâêîôû
çëâêîôû
äčéöšžõü
āčēģīķļņōŗšūž
ąčęėįšųūžáéíóúýàèìòùãõñũ
ċġħżàèìòùáéíóú
ĉĝĥĵŝŭ
àảãáạăằẳẵắặâầẩẫấậđèẻẽéẹêềểễếệìỉĩíịòỏõóọôồổỗốộơờởỡớợùủũúụưừửữứựỳỷỹýỵ
áàéèẹíìóòọúùṣńǹḿāēīōūẽ
ịọụṅáàéèíìóòúùńǹḿ
ɓɗƙƴáàéèíìóòúù
ɖɛƒɣŋɔʋáàãéèẽíìĩóòõúùũɩʊ
ãẽĩñõũỹáéíóúýàâêîôûèìòù
āēīōūʻáéíóúñ
āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜü
āīūṛṝḷḹṃḥṅñṭḍṇśṣēōěľṁ
āīūḥḫṣḍṭẓġḡḏṯšžǧčēōá
äçňöşüýžñ
čđŋšŧžáâåäöø
""".split()
# And what alphabets add to the Russian one.
_CYRILLIC = """
іїєґ
іўґ
јљњћђџ
ѓѕјљњќџѐѝ
әғқңөұүһі
өүң
әөүҗңһғҙҡҫ
ҕҥөһү
ғӣқӯҳҷ
ўқғҳ
ӏ
ҕҙӡқҟҧҭҳҩҽҿҷәџӷԥ
ӕ
ӑӗҫӳ
ҥӧӱӓӹ
іӧӝӟӥӵ
әғҝјөүһҹ
ѣѳѵіѡѧѫѕѯѱѥѩѭѻ
әһԛԝӧ
ӄӈԓ
"""
CYRILLIC_ALPHABETS = _CYRILLIC.split()
# What an alphabet leaves out of a-z: only with this does a dotless i tell anything.
LEFT_OUT = {TURKISH: "qwx", AZERI: "w"}
_REGIONS = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq
br bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cp cq cr cu cv cw cx cy cz de dg dj dk
dm do dz ea ec ee eg eh er es et eu fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq
gr gs gt gu gw gy hk hm hn hr ht hu ic id ie il im in io iq ir is it je jm jo jp ke kg kh ki
km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp
mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm
pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx
sy sz ta tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug um un us uy uz va vc ve vg vi
vn vu wf ws xk ye yt za zm zw
"""
REGIONS = frozenset(_REGIONS.split())
"""Regions with a flag: pairs of regional indicators that are no letters (emoji-sequences.txt)."""
