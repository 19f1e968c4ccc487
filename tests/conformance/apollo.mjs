// Apollo Client with its cache, queries over HTTP (persisted documents included) and subscriptions over graphql-ws.
import { createHash } from 'node:crypto';

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition } from '@apollo/client/utilities';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [http, ws, token, query, subscription, first] = process.argv.slice(2);
const authorization = `Bearer ${token}`;
const socket = createClient({ url: ws, webSocketImpl: WebSocket, connectionParams: { authorization }, retryAttempts: 0 });
const persisted = new PersistedQueryLink({ sha256: (text) => createHash('sha256').update(text).digest('hex') });
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ query: document }) => getMainDefinition(document).operation === 'subscription',
    new GraphQLWsLink(socket),
    persisted.concat(new HttpLink({ uri: http, headers: { authorization } })),
  ),
});
const variables = JSON.parse(first);
for (const fetchPolicy of ['network-only', 'network-only', 'cache-only']) {
  const { data } = await client.query({ query: gql(query), variables, fetchPolicy });
  console.log(JSON.stringify(data));
}
const happened = new Promise((resolve, reject) => {
  client.subscribe({ query: gql(subscription), variables }).subscribe({ next: resolve, error: reject });
});
socket.on('connected', () => console.log(JSON.stringify('listening')));
console.log(JSON.stringify(await happened));
client.stop();
await socket.dispose();
