// standardwebhooks: reads {secret, headers, body} as JSON from standard input, and prints the payload if it verifies.
import { text } from 'node:stream/consumers';

import { Webhook } from 'standardwebhooks';

const { secret, headers, body } = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));
