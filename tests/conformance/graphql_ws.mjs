// graphql-ws: prints each result of a subscription as a line of JSON, `count` of them, over sockets that are cut between
// two of them where that is asked; it goes on by itself, after the cursor of the last event.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token, query, first, count] = process.argv.slice(2);
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${token}` },
  retryAttempts: 0,
});
const variables = JSON.parse(first);
const results = client.iterate({ query, variables });
console.log(JSON.stringify('listening'));
let seen = 0;
for await (const result of results) {
  console.log(JSON.stringify(result));
  seen += 1;
  if (seen === Number(count)) break;
}
await client.dispose();
