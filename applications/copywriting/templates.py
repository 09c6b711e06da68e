"""The sentences that texts are made of, in Chinese.

A template names what it needs in braces: `headline` (brand and name), `leaf`,
`price`, `points` (some of the tags), `point` and `more` (one of them, and
others), `tip` (a clause of the seller's), `brand`; of reasons `known` (what
the shopper did with what), `shared`, `query`; of campaigns `title`, `said`,
`from_day`, `to_day`, `places`, `offer`. What an item lacks rules out the
templates that need it; the rest of the words stand in `neutral_words.txt`.
"""

OPENINGS = (
    "这款{headline}，{points}。",
    "{headline}：{points}。",
    "为您介绍{headline}，{points}。",
    "正在挑{leaf}？可以看看这款{headline}，{points}。",
    "想添一款{leaf}的话，不妨看看{headline}：{points}。",
    "{point}，{more}，这就是{brand}的这款{leaf}。",
    "关注{point}的话，可以看看{headline}，{more}。",
    "{brand}的这款{leaf}，{points}。",
    "选{leaf}，看看{brand}这一款：{points}。",
    "{headline}，{points}，供您参考。",
    "一句话介绍{headline}：{points}。",
    "这款{headline}供您参考。",
    "为您介绍{title}。",
)
TIPS = (
    "商家说明：{tip}。",
    "小提示：{tip}。",
    "{tip}。",
    "页面写着：{tip}。",
    "",
)
CLOSINGS = (
    "售价{price}，供您参考。",
    "目前售价{price}，以下单页面为准。",
    "参考价{price}，详情请看商品页。",
    "现价{price}，感兴趣的话可以加入购物车。",
    "标价{price}。",
    "更多信息请看商品页。",
)

# By the reason that the servable gives.
REASONS = {
    "history": (
        "因为您{known}，这款{headline}{shared}，{points}。",
        "您{known}，可以看看{headline}：{shared}，{point}。",
        "您之前{known}，为您推荐{headline}，{shared}。",
        "您{known}，这款{headline}供您参考，{points}。",
        "因为您{known}，为您推荐{headline}。",
        "因为您{known}，为您推荐{title}。",
        "根据您的浏览记录，为您推荐{headline}。",
    ),
    "again": (
        "您之前{done}过这款{headline}，{points}。",
        "您{done}过的{headline}，目前售价{price}。",
        "您{done}过这件商品，可以再看看。",
    ),
    "search": (
        "与您搜索的「{query}」相符：{headline}，{points}。",
        "您搜索过「{query}」，这款{headline}，{points}，供您参考。",
        "您想找的「{query}」，可以看看{headline}，{point}。",
        "与您搜索的「{query}」相符：{headline}。",
        "与您搜索的「{query}」相符，供您参考。",
    ),
    "popular": (
        "近来许多人选择：{headline}，{points}。",
        "热门商品{headline}，{points}，售价{price}。",
        "近来许多人选择这款{headline}。",
        "热门商品，近来许多人选择。",
    ),
    "unseen": (
        "还少有人发现的{headline}，{points}。",
        "{headline}，{points}，还少有人发现，不妨看看。",
        "还少有人发现的商品，不妨看看。",
    ),
    "general": (
        "为您推荐{headline}，{points}。",
        "这款{headline}，{points}，供您参考。",
        "为您推荐{headline}，售价{price}。",
        "为您推荐{title}。",
    ),
}

# By kind; a campaign of another kind is told as `other`.
CAMPAIGNS = {
    "coupon": (
        "{title}来了：{said}。先领券再下单，{from_day}到{to_day}有效。",
        "{said}。{title}，{from_day}到{to_day}期间可用，记得先领券再下单。",
        "{from_day}起，{title}开始领取：{said}。{to_day}截止。",
        "{title}：{said}。",
    ),
    "flash_sale": (
        "{title}，{from_day}当天有效，{offer}。会场里有{items}等。",
        "{from_day}，{title}开启：{said}。{offer}，逛一逛{items}。",
        "{title}来了，{offer}：{items}，{from_day}当天有效。",
        "{title}：{said}。",
    ),
    "festival": (
        "{title}来了！{said}，{from_day}到{to_day}，欢迎来逛。",
        "{from_day}到{to_day}，{title}进行中：{said}。",
        "{title}开启，{said}。活动时间{from_day}到{to_day}，别忘了提前加入购物车。",
        "{title}：{said}。",
    ),
    "other": (
        "{title}：{said}，{from_day}到{to_day}。",
        "{title}，{from_day}到{to_day}，欢迎参加。",
        "{title}：{said}。",
        "{title}，欢迎来逛。",
    ),
}

# Of last resort: says nothing of anything.
NOTHING = {
    "description": "商品详情请看商品页。",
    "reason": "为您推荐这件商品。",
    "campaign": "活动详情请看活动页面。",
}
