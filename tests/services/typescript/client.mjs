// The official TypeScript SDK's client for one login: it is told on its command line what to do (JSON), prints the
// address a browser has to open, waits on loopback for the browser to come back, calls its tools and prints what they
// gave. One JSON object a line. Only what an application has to bring stands here; OAuth is the SDK's.

import { createServer } from 'node:http';

const told = JSON.parse(process.argv[2]);
const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

async function sdk(major) {
  if (major === 2) return import('@modelcontextprotocol/client');
  const [{ Client }, { StreamableHTTPClientTransport }, { UnauthorizedError }] = await Promise.all([
    import('@modelcontextprotocol/sdk/client/index.js'),
    import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
    import('@modelcontextprotocol/sdk/client/auth.js'),
  ]);
  return { Client, StreamableHTTPClientTransport, UnauthorizedError };
}

// Where the browser comes back. A queue: a step-up sends it out a second time.
const arrivals = [];
const waiting = [];
const callback = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  response.writeHead(pathname === '/callback' ? 200 : 404, { 'content-type': 'text/plain', connection: 'close' });
  response.end('You may close this window.');
  if (pathname !== '/callback') return;
  const next = waiting.shift();
  next ? next(searchParams) : arrivals.push(searchParams);
});
await new Promise((listening) => callback.listen(0, 'localhost', listening));
const redirectUrl = `http://localhost:${callback.address().port}/callback`;
const arrival = () =>
  arrivals.length ? Promise.resolve(arrivals.shift()) : new Promise((resolve) => waiting.push(resolve));

const kept = { client: told.clientId ? { client_id: told.clientId } : undefined };
const provider = {
  redirectUrl,
  clientMetadataUrl: told.metadataUrl,
  clientMetadata: {
    client_name: `stock TypeScript client ${told.major}`,
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
  state: () => crypto.randomUUID(),
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  saveDiscoveryState: (discovery) => void (kept.discovery = discovery),
  discoveryState: () => kept.discovery,
  redirectToAuthorization: (address) => {
    kept.state = address.searchParams.get('state');
    say({ authorize: address.href, redirectUrl });
  },
};

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = await sdk(told.major);

// Does something that may need the user first, once for each time the user was asked.
async function withUser(transport, action) {
  for (let asked = 0; ; asked += 1) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || asked === 2) throw error;
      const answer = await arrival();
      if (answer.get('state') !== kept.state) throw new Error('state differs');
      // The second version checks `iss` itself when it is given everything that came back.
      await transport.current.finishAuth(told.major === 2 ? answer : answer.get('code'));
    }
  }
}

let client;
try {
  const options = told.major === 2 ? { versionNegotiation: { mode: told.modern ? 'auto' : 'legacy' } } : {};
  const transport = {};
  await withUser(transport, async () => {
    client = new Client({ name: 'stock-typescript-client', version: '1.0.0' }, options);
    transport.current = new StreamableHTTPClientTransport(new URL(told.url), { authProvider: provider });
    await client.connect(transport.current);
  });
  for (const tool of told.tools) {
    const result = await withUser(transport, () => client.callTool({ name: tool, arguments: {} }));
    say({ tool, isError: result.isError ?? false, result: result.structuredContent ?? result.content });
  }
} catch (error) {
  say({ failed: `${error?.name}: ${error?.message}` });
  process.exitCode = 1;
} finally {
  // A stream that stays open would keep this process alive.
  await client?.close();
  callback.close();
  callback.closeAllConnections();
}
