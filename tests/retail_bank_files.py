# ruff: noqa: E501 - the files have long lines.
"""A retail bank of a few people, in the files' own forms, for tests to break."""

import gzip
from pathlib import Path

DISTRICTS = "completeddistrict.csv.gz"
CLIENTS = "completedclient.csv.gz"
ACCOUNTS = "completedacct.csv.gz"
DISPOSITIONS = "completeddisposition.csv.gz"
CARDS = "completedcard.csv.gz"
ORDERS = "completedorder.csv.gz"
LOANS = "completedloan.csv.gz"
LUXURY_LOANS = "LuxuryLoanPortfolio.csv.gz"
TRANSACTIONS = "trans.asc.gz"
COMPLAINTS = "crm_events.csv.gz"
CALLS = "crm_call_center_logs.csv.gz"
REVIEWS = "crm_reviews.csv.gz"

_FILES = {
    DISTRICTS: """\
district_id,city,state_name,state_abbrev,region,division
1,New York City,New York,NY,Northeast,Middle Atlantic
18,Albuquerque,New Mexico,NM,West,Mountain""",
    CLIENTS: """\
client_id,sex,fulldate,day,month,year,age,social,first,middle,last,phone,email,address_1,address_2,city,state,zipcode,district_id
C00000001,Female,1990-12-13,13,12,1990,29,926-93-2157,Emma,Avaya,Smith,367-171-6840,Emma.Smith@example.com,387 Wellington Ave.,Unit 1,Albuquerque,NM,47246,18
C00000002,Male,1965-02-04,4,2,1965,54,806-94-5725,Noah,Everest,Thompson,212-423-7734,noah@example.com,75 W. Berkshire St.,,New York City,NY,10040,1
C00000003,Female,1960-10-09,9,10,1960,59,614-70-9100,Olivia,,Johnson,212-425-6932,olivia@example.com,36 Second St.,,New York City,NY,10162,1""",
    ACCOUNTS: """\
account_id,district_id,frequency,parseddate,year,month,day
A00000001,18,Monthly Issuance,2013-01-05,2013,1,5
A00000002,1,Issuance After Transaction,2014-03-01,2014,3,1""",
    DISPOSITIONS: """\
disp_id,client_id,account_id,type
D00000001,C00000001,A00000001,Owner
D00000002,C00000002,A00000002,Owner
D00000003,C00000003,A00000002,User""",
    CARDS: """\
card_id,disp_id,type,year,month,day,fulldate
V00000001,D00000002,VISA Infinite,2015,2,5,2015-02-05""",
    ORDERS: """\
order_id,account_id,bank_to,account_to,amount,k_symbol
29401,A00000001,YZ,87144583,2452,Household Payment
29402,A00000002,ST,89597016,3372.7, """,
    LOANS: """\
loan_id,account_id,amount,duration,payments,status,year,month,day,fulldate,location,purpose
L00000001,A00000001,1200,12,100,A,2014,7,5,2014-07-05,59,car
L00000002,A00000001,1200,12,100,B,2014,7,5,2014-07-05,59,home_improvement
L00000003,A00000002,2400,24,100,C,2018,1,31,2018-01-31,1,home
L00000004,A00000002,2400,24,100,D,2018,1,31,2018-01-31,1,debt_consolidation""",
    LUXURY_LOANS: """\
loan_id,funded_amount,funded_date,duration_years,duration_months,interest_rate_percent,interest_rate,payments,total_past_payments,loan_balance,property_value,purpose,firstname,middlename,lastname,social,phone,title,address_1,address_2,zip_code,city,state
LL0000076,790000,4/27/2012,20,240,3.359,0.03359,4524.65,92,373732.18,930250,boat,Devin,Knox,Walters,972-69-4236,542-843-5089, Vice President ,171 SOUTH 9TH STREET,9,10001,New York City,NY""",
    TRANSACTIONS: """\
"trans_id";"account_id";"date";"type";"operation";"amount";"balance";"k_symbol";"bank";"account"
101;1;930105;"PRIJEM";"VKLAD";700.00;700.00;"";;
102;1;930210;"VYDAJ";"PREVOD NA UCET";200.00;450.10;"SIPO";"YZ";"87144583"
103;1;930210;"VYBER";"VYBER";50.00;650.00;"";;"0"
104;1;930228;"PRIJEM";"";4.90;455.10;"UROK";;
105;1;930301;"PRIJEM";"PREVOD Z UCTU";100.00;575.10;"DUCHOD";"ST";"12345678\"""",
    COMPLAINTS: """\
date_received,product,sub_product,issue,submitted_via,date_sent_to_company,company_response_to_consumer,timely_response,complaint_id,client_id
03-07-2014,Bank account or service,Checking account,Deposits and withdrawals,Email,09-07-2014,Closed with explanation,Yes,CR0000001,1
12-04-2015,Credit card,Loan account,Late fee,Phone,10-04-2015,In progress,No,CR0000002,2""",
    CALLS: """\
call_id,complaint_id,client_id,phonefinal,vruline,priority,type,outcome,server,date_received,ser_start,ser_exit
34536,CR0000002,C00000002,977-806-9726,AA0103,2,TT,AGENT,MICHAL,4/12/2015,13:34:11,13:40:23
34537,,,322-598-7152,AA0205,0,NW,HANG,NO_SERVER,3/27/2017,23:58:22,0:16:10
,,,883-529-9005,,,,,,2/3/2015,15:47:13,15:50:33""",
    REVIEWS: """\
date,stars,reviews,product,district_id
10/4/2017,5,"Great job!

Thank you, Ann",Eagle National Mortgage,18
6/12/2019,1,,Eagle National Bank,1""",
}


class SmallBank:
    """The files of a small bank in a folder; lines are counted from 1, the header's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines = {name: text.split("\n") for name, text in _FILES.items()}

    def replace(self, name: str, old: str, new: str) -> None:
        """Change a text that occurs once in a file."""
        text = "\n".join(self.lines[name])
        assert text.count(old) == 1, (name, old)
        self.lines[name] = text.replace(old, new).split("\n")

    def add(self, name: str, *lines: str) -> None:
        self.lines[name].extend(lines)

    def write(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        for name, lines in self.lines.items():
            self.write_bytes(name, "\n".join(lines).encode())
        return self.folder

    def write_bytes(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(gzip.compress(content))
