"""Thousands of typical sentences from the telephone of a service business, in Hebrew and English.

Names, goods, places, days and sums fill patterns, in which Hebrew words have the prefixes that speech gives them.
Surnames and order numbers make a long tail of rare words, so that words are as common and as rare as in real calls.
"""

from __future__ import annotations

from random import Random
from typing import Final

HEBREW: Final = (
    "שלום, מדבר {name} {surname} מ{place}, אפשר לעזור?",
    "היי {name}, אני מתקשר בקשר ל{thing} שהזמנתי לפני {number} ימים.",
    "ה{thing} עדיין לא הגיע, ואמרו לי שזה ייקח עד יום {day}.",
    "בדקתי את ה{thing} וה{other} ונראה שיש שם טעות.",
    "אני רוצה לבטל את ה{thing} ולקבל החזר כספי.",
    "שלחתי לכם {thing} במייל עוד ביום {day} שעבר.",
    "כמה עולה {thing} חדש, כולל {other}?",
    "זה עולה {sum} שקלים כולל מעם, ואפשר לפרוס ל{number} תשלומים.",
    "הטכנאי {name} {surname} יגיע אליכם ביום {day} בין {hour} ל{hour}.",
    "הוא אמר שה{thing} התקלקל כש{other} הופסק.",
    "רק רגע, אני מעבירה אותך ל{name} ממחלקת {department}.",
    "מספר ההזמנה הוא {order}, אתה רואה אותו אצלך?",
    "אני רואה כאן {thing} אחד מ{place} על שם {surname}.",
    "אז מה עם ה{other}? הבטחתם לי שיטפלו בזה.",
    "הסניף ב{place} פתוח מ{hour} עד {hour}, חוץ מיום {day}.",
    "תודה רבה {name}, יום טוב ולהתראות.",
    "בסדר גמור, אני רושם את זה ב{thing} שלך.",
    "אין בעיה, נחזור אליך עם תשובה לגבי ה{thing}.",
    "למה חייבתם אותי פעמיים על אותו {thing}?",
    "אני מתנצלת על ה{other}, נזכה אותך ב{sum} שקלים.",
    "אפשר לדבר עם המנהל של מחלקת {department} בבקשה?",
    "הילדים של {name} היו ב{place} כשה{thing} נשבר.",
    "ול{thing} הזה יש אחריות של {number} שנים?",
    "צריך לתאם {thing} נוסף, כי בפעם הקודמת {name} לא הגיע.",
    "כן, כן, שמעתי. ומה לגבי {other}?",
    "שילמתי {sum} שקלים מראש ב{thing} ולא קיבלתי קבלה.",
)
ENGLISH: Final = (
    "Good morning, this is {name} {surname} from {department}, how can I help?",
    "I'm calling about the {thing} I ordered {number} days ago.",
    "The {thing} hasn't arrived yet and the {other} was damaged.",
    "We checked the {things} and found a mistake in the {other}.",
    "I would like to cancel my {thing} and get a refund, please.",
    "Our technician {name} {surname} will visit you on {day} between {hour} and {hour}.",
    "How much are two {things}, including the {other}?",
    "That will be {sum} dollars, or {number} payments without interest.",
    "Let me transfer you to {name} in {department}, one moment.",
    "The order number is {order}, can you see it on your screen?",
    "I can see {number} {things} for {surname} in {place}.",
    "You promised that somebody would call me back about the {other}.",
    "The branch in {place} is open from {hour} to {hour}, except on {day}.",
    "Thank you very much {name}, have a nice day.",
    "Why was I charged twice for the same {thing}?",
    "I'm sorry about the {other}, we're crediting {sum} dollars.",
    "Is there a warranty on those {things}?",
    "Could you please send the {thing} to {place}, care of {surname}?",
    "Yes, I understand. And what about the {things}?",
    "My neighbour in {place} had the same trouble with her {thing}.",
)
THINGS: Final = (
    """
    חשבונית קבלה הזמנה משלוח מזגן מקרר תנור מדיח מחשב טלפון נתב כרטיס פוליסה ביטוח תור בדיקה מרשם ייעוץ
    חבילה מפתח דוד שעון תיקון התקנה ביקור טופס אישור חוזה מנוי צילום תמונה כיסא שולחן ארון מיטה ספה מזרן
    וילון דלת חלון מנעול אזעקה מצלמה ברז צינור משאבה מסנן סוללה מטען כבל מסך מקלדת עכבר מדפסת אוזניות
    רמקול עגלה אופניים קסדה צמיג מצבר מגב רישיון דרכון כרטיסיה
    """,
    """
    invoice receipt order delivery conditioner refrigerator oven dishwasher computer phone router card
    policy appointment inspection prescription package key boiler watch repair installation visit form
    contract subscription picture chair table closet bed sofa mattress curtain door window lock alarm
    camera faucet pipe pump filter battery charger cable screen keyboard printer speaker bicycle helmet
    tire wiper license passport ticket heater fan blender kettle toaster ladder drill hammer brush paint
    tile carpet
    """,
)
DEPARTMENTS: Final = (
    """
    שירות מכירות גבייה תמיכה לוגיסטיקה הנהלה שיווק רכש
    """,
    """
    service sales billing support logistics returns
    """,
)
PLACES: Final = (
    """
    תל-אביב ירושלים חיפה רעננה הרצליה נתניה אשדוד אשקלון באר-שבע חולון בת-ים רחובות מודיעין כפר-סבא
    עפולה טבריה נהריה עכו אילת דימונה צפת קריית-גת לוד רמלה יבנה גדרה זכרון
    """,
    """
    London Boston Denver Austin Dublin Leeds Chicago Houston Toronto Sydney Bristol Oxford Seattle
    Portland Dallas Memphis
    """,
)
NAMES: Final = (
    """
    דנה יוסי מיכל אבי רונית משה שרה דוד נועה איתן יעל עומר תמר גיל ליאור הדס אורי שירה רועי מאיה ניר ענת
    אלון קרן יובל
    """,
    """
    Sarah John Emma David Laura Peter Anna James Olivia Daniel Grace Michael Sophie Thomas Alice George
    Ruth Henry
    """,
)
DAYS: Final = (
    """
    ראשון שני שלישי רביעי חמישי שישי
    """,
    """
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday
    """,
)
BEGINNINGS: Final = (
    """
    גול רוז וייס פרי הר גרינ ברנ שטרנ זילבר לוין קופר מנדל בלו שוור אייז נוי רביב אבר חיים סולו
    """,
    """
    Gold Rosen Green Black White Brown Under Over Hill Wood Stone Brook Field West East Strat Hart Win
    Ash Law Har
    """,
)
MIDDLES: Final = (
    """
    נ ב ר ל דן מן בר שט
    """,
    """
    en ing er on ham al by wick
    """,
)
ENDINGS: Final = (
    """
    ברג שטיין מן פלד באום הולץ סון ביץ סקי אלי צקי יאן
    """,
    """
    ton ley ford son man well field worth hurst stead more gate
    """,
)


def sentences(number: int, random: Random, *, hebrew: bool) -> list[str]:
    return [_sentence(random, hebrew=hebrew) for _ in range(number)]


def _sentence(random: Random, *, hebrew: bool) -> str:
    side = 0 if hebrew else 1
    pattern = random.choice((HEBREW, ENGLISH)[side])
    thing, other = random.sample(THINGS[side].split(), 2)
    return pattern.format(
        thing=thing,
        other=other,
        things=f"{thing}s",
        name=random.choice(NAMES[side].split()),
        surname="".join(random.choice(parts[side].split()) for parts in (BEGINNINGS, MIDDLES, ENDINGS)),
        place=random.choice(PLACES[side].split()),
        day=random.choice(DAYS[side].split()),
        department=random.choice(DEPARTMENTS[side].split()),
        number=random.randint(2, 12),
        hour=f"{random.randint(8, 20)}:{random.choice(('00', '15', '30', '45'))}",
        sum=random.randint(20, 3000),
        order=random.randint(100_000, 999_999),
    )
