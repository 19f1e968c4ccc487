// graphql-sse in distinct connections mode: prints each result of a subscription as a line of JSON, `count` of them.
import { createClient } from 'graphql-sse';

const [url, token, query, first, count] = process.argv.slice(2);
const client = createClient({ url, headers: { authorization: `Bearer ${token}` }, retryAttempts: 0 });
const results = client.iterate({ query, variables: JSON.parse(first) });
console.log(JSON.stringify('listening'));
let seen = 0;
for await (const result of results) {
  console.log(JSON.stringify(result));
  seen += 1;
  if (seen === Number(count)) break;
}
client.dispose();
