// Serves the tools of the races with @modelcontextprotocol/sdk, written the way its documentation shows: over standard
// input and output, or with -http over Streamable HTTP. -catalogue FILE serves the tools in a file in place of the others.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

const flags = process.argv.slice(2);
const address = flags.includes('-http') ? flags[flags.indexOf('-http') + 1] : '';
const line = 'The quick brown fox jumps over the lazy dog, and the dog takes no notice of it.\n';
const texts = new Map([64, 1 << 10, 64 << 10, 1 << 20].map(n => [n, line.repeat(n / line.length + 1).slice(0, n)]));
const image = Buffer.from(Uint8Array.from({ length: 48 << 10 }, (_, i) => i * 7 + (i >> 8))).toString('base64');
const catalogue = flags.includes('-catalogue') ? JSON.parse(readFileSync(flags[flags.indexOf('-catalogue') + 1], 'utf8')) : null;

function make() {
  const server = new McpServer({ name: 'typescript', version: '1.0.0' });
  if (catalogue) {
    for (const t of catalogue) {
      server.registerTool(t.name, {
        description: t.description,
        inputSchema: {
          id: z.string().describe(t.inputSchema.properties.id.description),
          title: z.string().max(200).optional().describe('new title, at most 200 characters'),
          state: z.enum(['open', 'waiting', 'closed']).optional().describe('new state'),
          priority: z.number().int().min(1).max(5).optional().describe('from 1, the highest, to 5'),
          labels: z.array(z.string()).optional().describe('labels, which replace the old ones'),
        },
      }, () => ({ content: [] }));
    }
    return server;
  }
  server.registerTool('greet', { description: 'Say hi.', inputSchema: { name: z.string() } },
    ({ name }) => ({ content: [{ type: 'text', text: 'hello, ' + name }] }));
  server.registerTool('text', { description: 'A text of so many bytes.', inputSchema: { size: z.number() } },
    ({ size }) => ({ content: [{ type: 'text', text: texts.get(size) }] }));
  server.registerTool('image', { description: 'An image.' },
    () => ({ content: [{ type: 'image', data: image, mimeType: 'image/png' }] }));
  server.registerTool('count', { description: 'Counts.', inputSchema: { to: z.number() } }, async ({ to }, extra) => {
    for (let i = 1; i <= to; i++) {
      await extra.sendNotification({
        method: 'notifications/progress',
        params: { progressToken: extra._meta.progressToken, progress: i, total: to },
      });
    }
    return { content: [{ type: 'text', text: 'done' }] };
  });
  return server;
}

if (!address) {
  await make().connect(new StdioServerTransport());
} else {
  const transports = new Map();
  const http = createServer(async (request, response) => {
    const id = request.headers['mcp-session-id'];
    let transport = transports.get(id);
    if (!transport) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: id => { transports.set(id, transport); },
      });
      await make().connect(transport);
    }
    await transport.handleRequest(request, response);
  });
  const [host, port] = address.split(':');
  http.listen(Number(port), host, () => console.error(`typescript: serving http://${host}:${http.address().port}/mcp`));
  process.on('SIGINT', () => process.exit(0));
}
