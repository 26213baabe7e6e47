"""Letters that look like a Latin one, and the alphabets that tell their use from their abuse.

``CONFUSABLE`` and ``RESEMBLING`` are derived from confusables.txt of Unicode Technical Standard 39,
version 13.0.0 (https://www.unicode.org/Public/security/13.0.0/confusables.txt, (c) 2020 Unicode,
Inc., https://www.unicode.org/license.txt): the letters of other scripts that it maps to one ASCII
letter, and those that it maps to a small capital or to an ASCII letter with a mark. The palochka is
an l here and an i there. ``FANCIFUL`` are what "faux Cyrillic" and its like add to them.
"""

CONFUSABLE = {
    "a": "ΑαАаᎪᗅꓮ𐊠𖽀",
    "b": "ΒВЬᏏᏴᑲᖯᗷꓐ𐊂𐊡𐌁",
    "c": "СсᏟⲤⲥꓚꮯ𐊢𐌂𐐕𐐽𐔜",
    "d": "ԁᎠᏧᑯᗞᗪꓒꓓ",
    "e": "ΕЕеҽᎬⴹꓰ𐊆𑢦𑢮",
    "f": "Ϝքᖴꓝ𐊇𐊥𐔥𑢢𑣂",
    "g": "ԌցᏀᏳꓖ",
    "h": "ΗНһհᎻᏂᕼⲎꓧ𐋏",
    "i": "ΙιІіᎥꙇꭵ𑢣𑣃",
    "j": "ͿϳЈјᎫᒍꓙ",
    "k": "ΚКᏦᛕⲔꓗ𐔘",
    "l": "ӀӏוןاߊᏞᒪᛁⲒⳐⵏꓡꓲ𐊊𐌉𐐛𐔦𑢲𖼖𖼨",
    "m": "ΜϺМᎷᗰᛖⲘꓟ𐊰𐌑",
    "n": "ΝոռⲚꓠ𐔓",
    "o": "ΟοσОоՕօסهھہەଠഠဝჿዐⲞⲟⵔꓳ𐊒𐊫𐐄𐐬𐓂𐓪𐔖𑢵𑣈𑣗",
    "p": "ΡρРрᏢᑭⲢⲣꓑ𐊕",
    "q": "ԛգզⵕ",
    "r": "гᎡᏒᖇᴦⲅꓣꮁ𐒴𖼵",
    "s": "ЅѕՏᏕᏚꓢꮪ𐊖𐐠𐑈𑣁𖼺",
    "t": "ΤТᎢⲦꓔ𐊗𐊱𐌕𑢼𖼊",
    "u": "υՍսሀᑌꓴ𐓎𐓶𑢸𑣘𖽂",
    "v": "νѴѵטᏙᐯⴸꓦꛟꮩ𐔝𑜆𑢠𑣀𖼈",
    "w": "ѡԜԝաᎳᏔꓪꮃ𑜊𑜎𑜏",
    "x": "ΧХхᕁᕽᚷⲬⵝꓫ𐊐𐊴𐌗𐔧",
    "y": "ΥγУуҮүყᎩᎽⲨꓬ𐊲𑢤𑣜𖽃",
    "z": "ᏃΖꓜꮓ𑢩𑣄",
}
RESEMBLING = {
    "a": "ꭺ",
    "b": "БвѢѣҌҍᏼᑳ",
    "c": "Ҫҫ",
    "d": "ꭰ",
    "e": "ҿꭼ",
    "g": "ԍᏻꮐ",
    "h": "нћҢӇӉᏲꚕꮋ",
    "j": "ꭻ",
    "k": "κкҚқҞҟⲕꮶ",
    "l": "إٳⳑꮮ𐑃",
    "m": "Ӎ",
    "n": "ͷηи𐑍",
    "o": "ΘθѲѳӨөۿᎾᏫⴱⵁꭴꮎꮻ",
    "p": "ᴩꮲ",
    "r": "яғꭱꮢ",
    "t": "τтҬꭲ",
    "u": "Ꮜꮜ",
    "w": "ѽ𑓅",
    "x": "Ҳ",
    "y": "Ұұ",
}
FANCIFUL = {
    "a": "Λλ",
    "b": "βЪъь",
    "d": "δД",
    "e": "εΣξєЄзЗэ",
    "h": "Ћђ",
    "m": "м",
    "n": "ИПпπлЛ",
    "o": "фФφ",
    "r": "ЯГ",
    "s": "ς",
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
br bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cp cr cu cv cw cx cy cz de dg dj dk
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
