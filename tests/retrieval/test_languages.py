"""Queries in the scripts of the world, put to documents: the right page is first, whatever the embedder knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio

from app.retrieval.base import Embedder, SearchScope
from app.retrieval.embedding.batcher import BatchingEmbedder
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.embedding.minilm import MiniLM
from app.retrieval.ingest import prepare_chunks
from app.retrieval.memory import MemoryStore
from topics.documents import Document

#: Each collection: the pages by id, and for each query the page that comes first. Wrong pages are first by id.
COLLECTIONS: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "hindi": (
        {
            "a-day": "# दिन\n\nदिन में चौबीस घंटे होते हैं। हर दिन सूरज निकलता है।",
            "b-gift": "# दान\n\nदान देना अच्छा काम है। लोग मंदिर में दान देते हैं।",
            "c-land": "# ज़मीन\n\nज़मीन पर घर बनता है।",
        },
        {"दान": "b-gift", "दान क्या है": "b-gift", "दिन": "a-day", "जमीन": "c-land"},
    ),
    "thai": (
        {
            "a": "ประเทศไทยมีภูเขาสูงในภาคเหนือ",
            "b": "ทะเลทางภาคใต้ของประเทศไทยสวยงามมาก",
            "c": "อาหารไทยเผ็ดและอร่อยมาก",
        },
        {"ทะเล": "b", "อาหารเผ็ด": "c", "ภูเขา": "a"},
    ),
    "lao": (
        {"a": "ປະເທດລາວມີພູເຂົາຫຼາຍ", "b": "ແມ່ນ້ຳຂອງໄຫຼຜ່ານປະເທດລາວ"},
        {"ແມ່ນ້ຳ": "b", "ພູເຂົາ": "a"},
    ),
    "khmer": (
        {"a": "ទន្លេ\u200bមេគង្គ\u200bហូរ\u200bកាត់\u200bកម្ពុជា", "b": "ប្រាសាទ\u200bអង្គរវត្ត\u200bធំ\u200bណាស់"},
        {"អង្គរវត្ត": "b", "ទន្លេមេគង្គ": "a"},
    ),
    "burmese": (
        {"a": "ရန်ကုန်မြို့သည်အကြီးဆုံးမြို့ဖြစ်သည်", "b": "ပုဂံတွင်ဘုရားများစွာရှိသည်"},
        {"ဘုရား": "b", "ရန်ကုန်": "a"},
    ),
    "tibetan": (
        {"a": "བོད་སྐད་ནི་བོད་པའི་སྐད་ཡིག་ཡིན།", "b": "ལྷ་ས་ནི་བོད་ཀྱི་རྒྱལ་ས་ཡིན།"},
        {"ལྷ་ས": "b", "སྐད་ཡིག": "a"},
    ),
    "javanese": (
        {"a": "ꦲꦏ꧀ꦱꦫꦗꦮ", "b": "ꦧꦱꦗꦮꦏꦿꦩ"},
        {"ꦏꦿꦩ": "b", "ꦲꦏ꧀ꦱꦫ": "a"},
    ),
    "japanese": (
        {
            "a": "東京都の人口は約千四百万人です。",
            "b": "京都の寺は有名です。",
            "c": "データベースの設定を変更する方法。",
        },
        {"京都の寺": "b", "ﾃﾞｰﾀﾍﾞｰｽ": "c", "東京": "a"},
    ),
    "korean": (
        {"a": "서울은 대한민국의 수도이다.", "b": "부산에는 큰 항구가 있다."},
        {"항구": "b", "수도": "a"},
    ),
    "arabic": (
        {
            "a": "# درس\n\nالدَّرْسُ الأَوَّلُ عَنِ النَّحْوِ",
            "b": "# سلام\n\nالسَّلَامُ عَلَيْكُمْ وَرَحْمَةُ اللهِ",
            "c": "# اسم\n\nاسمي أحمد وأنا من القاهرة",
        },
        {"السلام عليكم": "b", "الســـلام": "b", "النحو": "a", "احمد": "c"},
    ),
    "persian": (
        {
            "a": "او کتاب را می\u200cخواند",
            "b": "من کتاب\u200cها را می\u200cخواهم",
            "c": "\ufe8d\ufedf\ufea4\ufeae\ufe91",
        },
        {"میخواهم": "b", "می خواهم": "b", "كتابها": "b", "الحرب": "c"},
    ),
    "hebrew": (
        {"a": "הַסֵּפֶר עַל הַשֻּׁלְחָן", "b": "שָׁלוֹם לְכֻלָּם בָּעוֹלָם"},
        {"שלום": "b", "ספר השלחן הספר": "a"},
    ),
    "russian": (
        {"a": "Мои друзья живут в Москве.", "b": "Мой дом стоит у реки, там растёт ёлка.", "c": "За́мок на горе."},
        {"мой": "b", "мои": "a", "елка": "b", "замок": "c"},
    ),
    "vietnamese": (
        {"a": "mà con", "b": "má con", "c": "ma con", "d": "mả con", "e": "mã con", "f": "đường phố"},
        {"má con": "b", "ma con": "c", "mã": "e", "ma\u0309 con": "d", "duong pho": "f"},
    ),
    "latin": (
        {
            "a": "The bar on the corner is open until midnight.",
            "b": "The cafe\u0301 on the corner is open until midnight.",
            "c": "L\u2019h\u00f4pital est ouvert \u00e0 minuit.",
            "d": "The oﬃce of Ms O\u2019Brien is closed, co\u00adoperation ends.",
        },
        {"cafe": "b", "café": "b", "l'hopital": "c", "HÔPITAL": "c", "office obrien": "d", "cooperation": "d"},
    ),
}
QUERIES = [(name, query) for name, (_, queries) in COLLECTIONS.items() for query in queries]
EMBEDDERS: Mapping[str, Callable[[], Embedder]] = {
    "hashing": HashingEmbedder,
    "minilm": lambda: BatchingEmbedder(MiniLM(), size=4),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=EMBEDDERS)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[MemoryStore]:
    embedder: Embedder = EMBEDDERS[request.param]()
    store = MemoryStore(embedder)
    for name, (pages, _) in COLLECTIONS.items():
        for page, text in pages.items():
            document = Document(id=f"{name}/{page}", text=text, collection=name)
            for part in await prepare_chunks(document, embedder=embedder, words=180, overlap=20):
                await store.apply(part)
    yield store
    await embedder.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("name", "query"), QUERIES)
async def test_the_right_page_is_first(store: MemoryStore, name: str, query: str) -> None:
    found = await store.search(query, limit=9, scope=SearchScope(name))
    assert found[0].document_id == f"{name}/{COLLECTIONS[name][1][query]}"
    assert len(found) == len(COLLECTIONS[name][0])
