const WELCOME = `# Sign in, then put the token into "Headers" below:
#   {"Authorization": "Bearer …"}
#
# mutation { signIn(input: {email: "…", password: "…"}) { token userErrors { message } } }

query Home {
  viewer {
    user { name }
  }
}
`;

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: "/graphql" }),
    defaultQuery: WELCOME,
    defaultEditorToolsVisibility: "headers",
  }),
);
