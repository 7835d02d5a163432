"""Invented names of customers, people and places."""

CUSTOMERS: tuple[str, ...] = (
    "Harbor Dental", "Pelican Freight LLC", "Bayou Dental Group", "Larkspur Imaging",
    "Tidewater & Sons Roofing", "Marsh Lantern Brewing Co", "Cedar Hollow Veterinary",
    "Quillback Seafood Inc", "Ninth Levee Architects", "Saltgrass Orthopedics",
    "Copperline Electric, Inc.", "St. Odile Parish School", "Magnolia Ridge Title",
    "Driftwood Credit Union", "Ironbell Fabrication", "Sable Creek Law, PLLC",
    "Heron Point Marina", "Bluestem Family Clinic", "Old Mill Grain Cooperative",
    "Ferrywood Hardware", "Juniper & Ash Interiors", "Kestrel Valley Winery",
    "Lowland Surveying Ltd", "Moonfish Aquatics", "Northgate Pediatric Care",
    "Oxbow Machine Works", "Pinecone Daycare", "Rafter Nine Ranch Supply",
    "Sandbar Coffee Roasters", "Thornapple Insurance", "Umber Street Gallery",
    "Vesper Hospice", "Whistling Duck Tours", "Yarrow Physical Therapy",
    "Zephyr Bend Airport Shuttle", "Almanac Press", "Bellwether Accounting LLP",
    "Cane Syrup Foods", "Dovetail Cabinetry", "Egret Environmental Services",
    "Firefly Theater Company", "Gulfwind Solar", "Hickory Lane Apartments",
    "Ibis Logistics", "Jackdaw Recycling", "Kettle & Crane Bakery",
    "Longleaf Timber LLC", "Mockingbird Music School", "Nutmeg Catering",
    "Opal Eye Center", "Palmetto Pool Builders", "Quarry Road Concrete",
    "Redfin Charters", "Silver Spur Leather", "Tallow Tree Nursery",
    "Upland Gas Cooperative", "Verbena Skin Clinic", "Willow Bottom Baptist Church",
    "Cattail Courier", "Yellow House Publishing", "Seven Oaks Pharmacy", "Anhinga Boat Repair",
)  # fmt: skip
"""Customers' names, the largest first; the first three are in the vendors' contract examples."""

PROVIDER = "Cypress Lantern IT"
"""The managed-service provider itself: a Ninja organization, and ThreatLocker's parent tenant."""

FIRST_NAMES = (
    "Ada", "Bela", "Carmen", "Dario", "Elin", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kaya",
    "Liam", "Mara", "Noor", "Otis", "Petra", "Quinn", "Rosa", "Sven", "Tessa", "Umar", "Vera",
    "Wade", "Ximena", "Yusuf", "Zoë", "Amélie", "Björn", "Chidi", "Dulce", "Ewan", "Fátima",
)  # fmt: skip
LAST_NAMES = (
    "Abara", "Bergquist", "Castellane", "Dufresne", "Eastlake", "Fontenelle", "Garrow", "Holm",
    "Ibarra", "Jarreau", "Kowal", "Ledoux", "Moreau", "Nakai", "Okafor", "Pruett", "Quiroz",
    "Robicheaux", "Santori", "Thibaut", "Ulloa", "Vidrine", "Weatherby", "Yancey", "Zeller",
    "Adcock", "Weber", "Napper", "Sauvage", "Mensah", "Lindqvist", "Oyelaran", "D'Arcy",
)  # fmt: skip
PLACES = (
    "Main Office", "Warehouse", "North Branch", "Front Desk", "Clinic 2", "Back Office", "Annex",
    "Westbank", "Shop Floor", "Remote Staff",
)  # fmt: skip
SPARE_PLACE = "Spare closet"
STREETS = ("Example St", "Sample Ave", "Placeholder Rd", "Specimen Blvd")
PARISHES = ("Riverbend, LA", "Gulfhaven, MS", "Pinewood, TX", "Lakeshore, AL")
ROLES_IN_OFFICE = (
    "RECEPTION", "FRONTDESK", "BILLING", "OFFICE", "CHECKIN", "MANAGER", "CONFROOM", "SCAN",
)  # fmt: skip
