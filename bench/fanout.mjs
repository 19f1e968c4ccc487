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
  type Proposal { id: ID! status: String! }
  type Partnership { id: ID! label: String! }
  type Event {
    id: ID! cursor: String topic: String! version: Int! at: String! summary: String! reason: String
    changes: [Change!]! actor: User partnership: Partnership
  }
  type Notice {
    id: ID! urgency: String! readAt: String acknowledgedAt: String dueAt: String proposal: Proposal event: Event
  }
  type Query { ready: Boolean }
  type Subscription { partnershipEvents(partnershipId: ID!): Event! notices: Notice! }
`)

const happened = new EventEmitter()
happened.setMaxListeners(0)

const root = {
  async *partnershipEvents({ partnershipId }) {
    for await (const [event] of on(happened, partnershipId)) yield { partnershipEvents: event }
  },
  async *notices(_, { seat }) {
    for await (const [notice] of on(happened, seat)) yield { notices: notice }
  },
}

const server = createServer((request, response) => {
  if (request.method !== 'POST') return response.end('{}')
  let body = ''
  request.on('data', (chunk) => (body += chunk))
  request.on('end', () => {
    const { event, seats } = JSON.parse(body)
    happened.emit(event.partnership.id, event)
    for (const seat of seats) happened.emit(seat, { id: `notice_${seat}`, urgency: 'INFO', event })
    response.end('{}')
  })
})
const context = ({ connectionParams }) => ({ seat: connectionParams.authorization.split(' ')[1] })
useServer({ schema, context, roots: { subscription: root } }, new WebSocketServer({ server, path: '/graphql' }))
server.listen(Number(process.argv[2]), '127.0.0.1')
