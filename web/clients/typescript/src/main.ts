/** Prints what the bank knows of one customer: `npm start -- N00000822`. */
import { connect } from './client.js';
import { Customer360Document } from './generated/graphql.js';

const url = process.env['BANK360_GRAPHQL'] ?? 'http://127.0.0.1:8000/graphql';

async function show(token: string, number: string): Promise<number> {
  const { data, errors } = await connect(url, token)(Customer360Document, { by: { number } });
  for (const error of errors ?? []) {
    console.error(`${error.extensions?.code}: ${error.message}`);
  }
  if (!data) {
    return 1;
  }
  const customer = data.customerBy;
  if (!customer) {
    console.error(`no customer ${number} that this token may see`);
    return 1;
  }
  console.log(`${customer.number} ${customer.name}, ${customer.tier}, ${customer.branch?.name}`);
  for (const account of customer.accounts ?? []) {
    console.log(`${account.number} ${account.balance?.amount} ${account.balance?.currency}`);
  }
  return 0;
}

const token = process.env['BANK360_TOKEN'];
const number = process.argv[2];
if (!token || !number) {
  console.error('usage: BANK360_TOKEN=… npm start -- CUSTOMER_NUMBER');
  process.exitCode = 2;
} else {
  process.exitCode = await show(token, number).catch((error: Error) => {
    console.error(`${url}: ${error.message}`);
    return 1;
  });
}
