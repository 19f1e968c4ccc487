// The peer: graphql-ws on node, one process. `node fanout.mjs PORT FOLDER`: its packages are in the folder.
import { createServer } from 'node:http'
import { EventEmitter, on } from 'node:events'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(pathToFileURL(process.argv[3] + '/'))
const { buildSchema } = require('graphql')
const { WebSocketServer } = require('ws')
const { useServer } = require('graphql-ws/use/ws')

const schema = buildSchema(`
  type Change { field: String! before: String after: String }
  type User { id: ID! name: String! }
  type Partnership { id: ID! label: String! }
  type Event {
    id: ID! cursor: String topic: String! version: Int! at: String! summary: String! reason: String
    changes: [Change!]! actor: User partnership: Partnership
  }
  type Query { ready: Boolean }
  type Subscription { partnershipEvents(partnershipId: ID!): Event! }
`)

const happened = new EventEmitter()
happened.setMaxListeners(0)

const root = {
  async *partnershipEvents({ partnershipId }) {
    for await (const [event] of on(happened, partnershipId)) yield { partnershipEvents: event }
  },
}

const server = createServer((request, response) => {
  if (request.method !== 'POST') return response.end('{}')
  let body = ''
  request.on('data', (chunk) => (body += chunk))
  request.on('end', () => {
    const event = JSON.parse(body)
    happened.emit(event.partnership.id, event)
    response.end('{}')
  })
})
useServer({ schema, roots: { subscription: root } }, new WebSocketServer({ server, path: '/graphql' }))
server.listen(Number(process.argv[2]), '127.0.0.1')
