"""The cities in which the invented bank has branches."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class City:
    """A city; ``region`` is its province or state, ``area`` the part of the country."""

    name: str
    region: str
    area: str


CITIES: Final[dict[str, tuple[City, ...]]] = {
    "zh": (
        City("上海", "上海市", "华东"),
        City("北京", "北京市", "华北"),
        City("广州", "广东省", "华南"),
        City("深圳", "广东省", "华南"),
        City("成都", "四川省", "西南"),
        City("武汉", "湖北省", "华中"),
        City("杭州", "浙江省", "华东"),
        City("南京", "江苏省", "华东"),
        City("西安", "陕西省", "西北"),
        City("重庆", "重庆市", "西南"),
        City("天津", "天津市", "华北"),
        City("苏州", "江苏省", "华东"),
        City("沈阳", "辽宁省", "东北"),
        City("长沙", "湖南省", "华中"),
        City("青岛", "山东省", "华东"),
        City("昆明", "云南省", "西南"),
    ),
    "en": (
        City("New York", "NY", "Northeast"),
        City("Los Angeles", "CA", "West"),
        City("Chicago", "IL", "Midwest"),
        City("Houston", "TX", "South"),
        City("Seattle", "WA", "West"),
        City("Boston", "MA", "Northeast"),
        City("Atlanta", "GA", "South"),
        City("Denver", "CO", "West"),
        City("Phoenix", "AZ", "West"),
        City("Philadelphia", "PA", "Northeast"),
        City("Minneapolis", "MN", "Midwest"),
        City("Miami", "FL", "South"),
        City("Portland", "OR", "West"),
        City("Nashville", "TN", "South"),
        City("Detroit", "MI", "Midwest"),
        City("San Diego", "CA", "West"),
    ),
}


def branch_name(language: str, city: City, round_number: int) -> str:
    """Name a city's branch; ``round_number`` counts the branches of one city from 1."""
    if language == "zh":
        return f"{city.name}分行" if round_number == 1 else f"{city.name}第{round_number}支行"
    return city.name if round_number == 1 else f"{city.name} {round_number}"
