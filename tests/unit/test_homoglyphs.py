"""Letters in disguise become Latin ones; the same letters in text of their own stay."""

import pytest

from tests.unit.test_normalise import one


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("buy сhеаp рills", "buy cheap pills"),
        ("ЯUSSIAИ", "russian"),
        ("Ѕtор thеm", "stop them"),
        ("pay for сех now", "pay for cex now"),
        ("рrivet, Москва ждёт, сор", "privet, москва ждёт, сор"),
        ("Это сор, а не сок. Мы купили iPhoneом", "это сор, а не сок. мы купили iphoneом"),
        ("κіӏӏ αӏӏ οf тһем", "kill all of them"),
        ("ԝіӏӏ кіӏӏ уоu", "will kill you"),
        ("Ґанок, їжак і ґедзь — це добре", "ґанок, їжак і ґедзь — це добре"),
        ("Љубав је лепа, ђаче; ѕвезда", "љубав је лепа, ђаче; ѕвезда"),
        ("Қазақстан — үлкен ел, һәм әдемі", "қазақстан — үлкен ел, һәм әдемі"),
        ("Բարեւ ձեզ, հօր սուն", "բարեւ ձեզ, հօր սուն"),
        ("за́мок на горе", "замок на горе"),
        ("το όνομα του Σωκράτη", "το όνομα του σωκράτη"),
        ("the α-helix at 5 μm, 3 kΩ", "the α-helix at 5 μm, 3 kω"),
        ("שלום לכם and hello", "שלום לכם and hello"),
        ("कल दिल्ली में iPhone मिला", "कल दिल्ली में iphone मिला"),
        ("اشتريت iPhone جديدا", "اشتريت iphone جديدا"),
        ("Tシャツ と LINEで 〇", "tシャツ と lineで 〇"),
    ],
)
def test_look_alikes_are_folded_among_latin_letters_only(written: str, meant: str) -> None:
    assert one(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ḱíĺl yöu ñow", "kill you now"),
        ("k̈ill yöu", "kill you"),
        ("kıll thẽm wıth ıt", "kill them with it"),
        ("ᴋɪʟʟ ƙɨłł", "kill kill"),
        ("Bu ısı çok yüksek, ağır işçilik", "bu ısı çok yüksek, ağır işçilik"),
        ("Tiếng Việt rất đẹp", "tiếng việt rất đẹp"),
        ("déjà vu, garçon naïf, œuvre", "déjà vu, garçon naïf, œuvre"),
        ("Żółć i gęś; příliš žluťoučký kůň", "żółć i gęś; příliš žluťoučký kůň"),
        ("Þú ert góð, hún er íslensk", "þú ert góð, hún er íslensk"),
        ("Mọi ọmọ ẹ̀gbọ́n mi", "mọi ọmọ ẹgbọn mi"),
        ("São João, Curaçao; Ürümqi", "são joão, curaçao; ürümqi"),
    ],
)
def test_accents_go_where_no_alphabet_has_them_together(written: str, meant: str) -> None:
    assert one(written) == meant
