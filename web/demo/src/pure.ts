import { Component, type ComponentType, h } from "preact";

/** Returns a component that is rendered again only when one of its properties is another value or object. */
export function pure<Props extends object>(component: ComponentType<Props>): ComponentType<Props> {
  return class Pure extends Component<Props> {
    override shouldComponentUpdate(next: Readonly<Props>): boolean {
      const before: Readonly<Props> = this.props;
      return (Object.keys({ ...before, ...next }) as (keyof Props)[]).some((name) => before[name] !== next[name]);
    }

    override render() {
      return h(component, this.props as Props);
    }
  };
}
