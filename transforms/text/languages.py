"""Which language or script each row of a batch is in, in well under a microsecond a row.

Good enough to keep the scores of one language from deciding about another's; it is no language
identifier. A script is told by Unicode's blocks, and stands for all of its languages. Among the
languages in Latin letters the function words decide: they are a third of running text and hardly
ever borrowed. A row with too few of them is ``latin``, a group as any other.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from weir.transforms.text.normalise import fold_to_bytes
from weir.transforms.text.scripts import HAN, KANA, LATIN, SCRIPTS, script_of_pair
from weir.transforms.text.words import Bytes, Hashes, words

Groups = npt.NDArray[np.uint8]

# Written down for this, from everyday use; folded as the text is. Danish and Norwegian share too
# many to be told apart in a short post.
FUNCTION_WORDS = {
    "en": "the of and to in is you that it he was for on are as with his they i at be this have "
    "from or had by not but what all were we when your can there an which their if will how about "
    "would these she him has more been than its who my me so just don't i'm it's that's do did "
    "does because some our could should after into over am very no now get go up out only where "
    "here too any really know want them got one need then oh good much i've why u please her",
    "es": "el la los las de que y en un una es por con para su al lo como más pero sus le ya o "
    "este sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo "
    "nos durante todos uno les ni contra ese eso mi yo qué está son fue han ser tiene tú usted "
    "del se no nuestro ella ellos siempre hoy",
    "pt": "o a os as de que e em um uma é por com para seu ao não mais mas como foi ele ela das "
    "dos à tem seus sua ou quando muito nos já eu também só pelo pela até isso entre depois sem "
    "mesmo aos ter você está são na no nas num numa do da meu minha nosso nossa eles elas sempre "
    "hoje essa esse",
    "fr": "le la les de des et en un une est que qui dans pour pas sur au par plus avec ce il je "
    "ne se sont mais comme ou si leur y dont nous vous elle tout sans cette aux même être avoir "
    "fait était ces mon ma mes ton son sa ses où aussi bien très ça c'est j'ai d'un n'est qu'il "
    "l'on du notre votre toujours ils elles",
    "de": "der die das und in zu den von mit ist des sich nicht ein eine auf für im dem auch als "
    "es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so "
    "zum war haben nur oder aber vor zur bis mehr durch man sein wurde ich du wir ihr mir mich "
    "dich was wenn kein keine unser unsere mein meine immer heute",
    "nl": "de het een en van in is dat op te zijn met voor niet aan er om ook als dan maar bij "
    "uit nog naar heeft hij ze door over wordt tot je mijn deze die wat ik we geen worden hebben "
    "ons onze zich al dit wel zo haar hun wij jij jullie kan moet altijd vandaag was waar heb",
    "it": "il la di che e un una in è per non con sono si da come le dei del della al nel più "
    "anche ma gli lo alla mi se ci ha questo ho cosa io tu lui lei noi voi loro tutto molto dopo "
    "quando perché essere fatto questa suo sua mio mia i dalla delle degli sul sulla nella ai "
    "nostro nostra sempre oggi",
    "sv": "och att det som en på är av för med den till inte har de ett om han men var jag från vi "
    "så kan hon när år efter hade där här sig man vid eller nu över då bara ut hur skulle blev "
    "mig dig ska mycket vad också finns alla vår vårt mitt min alltid",
    "da": "og at det som en på er af for med den til ikke har de et om han men var jeg fra vi så "
    "kan hun når efter hvor være ved eller nu hvad sig man også blev være mig dig skal meget ud "
    "havde hvis kun bare noget denne blive mit min vores altid å av seg hva også mye vår etter "
    "ikkje bli noe bare meg deg",
    "fi": "ja on ei se että hän oli kun niin mutta myös ovat ole kuin joka tai sen nyt hänen minä "
    "sinä me te he tämä mitä jos vain vielä kanssa jo mukaan olla sitä mikä siitä minun sinun "
    "meidän ollut hyvin aina tänään en mun sun nämä ne",
    "pl": "i w na z do się nie że to jest o jak za od co po ale przez dla był tym jego są tego "
    "czy już tylko tak może przed być pod jej lub gdy mnie mi ma też bardzo jestem który która "
    "które kiedy gdzie ten ta te nas nasz nasza zawsze dzisiaj dziś ich",
    "cs": "a se v na je že s z do to o i si ale za by jako po od pro tak jsem jsme jsou jeho její "
    "nebo když už jen má byl byla bylo také který která které co kde ve k u tento tato nás náš "
    "naše vždy dnes při není může jak",
    "ro": "și în de la cu pe un o nu că este sunt din care pentru mai ce să al ale a fost am ai "
    "are dar sau prin după când foarte acest această lui ei noi voi mă te se le îmi își fi dacă "
    "unde nostru noastră mereu astăzi azi tot lor îl",
    "hu": "a az és hogy nem is egy van volt ez de meg csak mint már még ha vagy el minden azt ezt "
    "aki ami lesz kell fel nagyon nekem most úgy így mert én te ő mi ti ők itt ott mindig ma "
    "után között ki be volna voltak",
    "tr": "ve bir bu da de için ile çok ne o gibi daha ama kadar var olarak sonra en olan ben sen "
    "biz siz onlar mi mı değil her şey yok ki diye benim senin bizim onun nasıl neden hiç zaman "
    "şimdi bana sana veya hep bugün öyle işte iyi bizi böyle çünkü yarın",
    "id": "yang dan di ini itu dengan untuk tidak dari dalam akan pada juga saya ke karena ada "
    "bisa kami kita mereka dia atau sudah kamu oleh tetapi seperti lebih hanya banyak telah bagi "
    "anda apa jika saat nya lagi selalu hari aku kalau sangat",
    "vi": "và của là có không được một các những người cho trong với này đã để khi từ đó thì cũng "
    "như về tôi anh chị em nó ra vào lại nếu rất nhiều đến bạn chúng ta sẽ phải hay còn gì mà "
    "luôn hôm nay",
    "tl": "ang ng mga sa na at ay ko mo ka ako siya kami tayo sila ito iyon hindi wala may para "
    "kung lang din rin naman pa ba po si ni kay nang niya namin natin nila ating isang lahat dahil "
    "palagi ngayon",
    "sw": "ya wa na kwa ni katika za la cha hii huo hiyo kuwa si kama sana yake wake yangu wangu "
    "wetu yetu mimi wewe yeye sisi lakini pia kila hapa wao au tu bado sasa leo daima",
}
GROUPS = (*SCRIPTS, *FUNCTION_WORDS)
"""The names of all groups, by their code: the scripts, then the languages in Latin letters."""
_NO_LETTERS = 0
_FIRST_LANGUAGE = len(SCRIPTS)
# What a row needs in its favour: a function word that no other language has, or two that two share,
# and at least one in ten words; running text has three.
_LEAST = 1.0
_LEAST_SHARE = 0.1
_KANA_SHARE = 0.05  # of kana among kana and han, from which on it is Japanese

_ASCII_LETTER = np.array([chr(byte).isascii() and chr(byte).isalpha() for byte in range(256)])
_SLOT_BITS = 16


@dataclass(frozen=True, eq=False)
class _Table:
    """The function words by hash. ``slot`` is (2^16,), by the upper half of a hash."""

    slot: npt.NDArray[np.int16]  # number of the word, 0 where there is none
    hashes: Hashes
    weights: npt.NDArray[np.float32]  # (words, languages): 1 / languages that have the word


@lru_cache(maxsize=1)
def _table() -> _Table:
    languages = list(FUNCTION_WORDS)
    of_word: dict[str, set[str]] = {}
    for language, listed in FUNCTION_WORDS.items():
        for word in listed.split():
            of_word.setdefault(word, set()).add(language)
    hashes, _ = words(fold_to_bytes(pa.array(of_word, pa.string())))  # as they stand in folded rows
    weights = np.zeros((len(of_word) + 1, len(languages)), np.float32)
    for number, having in enumerate(of_word.values(), 1):
        weights[number, [languages.index(each) for each in having]] = 1 / len(having)
    slot = np.zeros(1 << _SLOT_BITS, np.int16)
    # Of two words in one slot the first, the more frequent one, stays.
    slot[(hashes >> np.uint32(32 - _SLOT_BITS))[::-1]] = np.arange(len(hashes), 0, -1)
    return _Table(slot, np.concatenate([np.zeros(1, np.uint32), hashes]), weights)


def groups(
    text: Bytes,
    ends: npt.NDArray[np.intp],
    row_of_byte: npt.NDArray[np.uint32],
    word_hashes: Hashes,
    word_starts: npt.NDArray[np.intp],
) -> Groups:
    """Return (rows,) codes of GROUPS for folded rows.

    Row n lies between ``ends[n]`` and ``ends[n + 1]``. ``word_hashes`` and ``word_starts`` are what
    ``words`` returns of the text.
    """
    word_rows = row_of_byte[word_starts]
    codes = np.zeros(len(ends) - 1, np.uint8)
    most = _LEAST_SHARE * np.diff(np.searchsorted(word_rows, np.arange(len(ends))))
    votes = _votes(word_hashes, word_rows, len(codes))
    best = votes.argmax(axis=1)
    order = np.arange(len(codes))
    found = votes[order, best]
    votes[order, best] = 0
    sure = (found >= np.maximum(_LEAST, most)) & (found > votes.max(axis=1))
    codes[sure] = _FIRST_LANGUAGE + best[sure]
    foreign = text.max() > 127
    looked_at = np.flatnonzero(~sure) if not foreign else order
    letters = _ascii_letters(text, ends, looked_at)
    if not foreign:
        codes[looked_at] = np.where(letters > 0, LATIN, _NO_LETTERS)
        return codes
    script = _scripts(text, row_of_byte, letters)
    return np.where(sure & (script == LATIN), codes, script).astype(np.uint8)


def _votes(
    word_hashes: Hashes, word_rows: npt.NDArray[np.integer], rows: int
) -> npt.NDArray[np.float32]:
    """Return (rows, languages) sums of the weights of the function words."""
    table = _table()
    number = table.slot[word_hashes >> np.uint32(32 - _SLOT_BITS)]
    hits = np.flatnonzero(table.hashes[number] == word_hashes)
    number = number[hits]
    bounds = np.searchsorted(word_rows[hits], np.arange(rows + 1))
    ones = np.ones(len(hits), np.float32)
    seen = sp.csr_matrix((ones, number, bounds), shape=(rows, len(table.weights)))
    return np.asarray(seen @ table.weights)


def _ascii_letters(
    text: Bytes, ends: npt.NDArray[np.intp], rows: npt.NDArray[np.intp]
) -> npt.NDArray[np.int64]:
    """Return how many ASCII letters some of the rows have."""
    if not len(rows):
        return np.zeros(0, np.int64)
    starts, sizes = ends[rows], ends[rows + 1] - ends[rows]
    firsts = np.cumsum(sizes) - sizes
    place = np.arange(sizes.sum()) + np.repeat(starts - firsts, sizes)
    return np.add.reduceat(_ASCII_LETTER[text[place]], firsts, dtype=np.int64)


def _scripts(
    text: Bytes, row_of_byte: npt.NDArray[np.uint32], latin: npt.NDArray[np.int64]
) -> Groups:
    """Return the script that most letters of each row have."""
    rows = len(latin)
    lead = np.flatnonzero(text >= 0xC2)
    script = script_of_pair()[text[lead].astype(np.intp) << 8 | text[lead + 1]]
    row = row_of_byte[lead].astype(np.intp)
    votes = np.bincount(row * len(SCRIPTS) + script, minlength=rows * len(SCRIPTS))
    votes = votes.reshape(rows, len(SCRIPTS))
    votes[:, LATIN] += latin
    votes[:, _NO_LETTERS] = 0
    # Japanese is told by its kana, however many characters are shared with Chinese.
    both = votes[:, KANA] + votes[:, HAN]
    japanese = votes[:, KANA] > _KANA_SHARE * both
    votes[japanese, KANA], votes[japanese, HAN] = both[japanese], 0
    return np.where(votes.any(axis=1), votes.argmax(axis=1), _NO_LETTERS).astype(np.uint8)
